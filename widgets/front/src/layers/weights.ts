import type { Rows } from "../spec.ts";

/** Cosines of some anchors, from which weights follow at any temperature: see `panels/layers/weights.py`. */
export interface WeightsLayer {
  type: "weights";
  key: string;
  negatives: Rows;
  positives: Rows;
  stands_for: number;
  temperature: number;
  low: number;
  high: number;
  preview: number | null;
  control: string;
  said: string;
}
