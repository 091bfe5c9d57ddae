import type { Numbers, Rows } from "../spec.ts";

/** A curve over the colours, with a rim. */
export interface HeatCurve {
  key: string;
  x: Numbers;
  y: Numbers;
  dash: "solid" | "chance";
  color: "white" | "ghost";
  label: string;
  label_x: number;
  label_y: number;
}

/** One column per step, one row per index; viridis from 0 (`low`) to 254 (`high`), 255 for nothing. */
export interface HeatLayer {
  type: "heat";
  key: string;
  x: Numbers;
  steps: Numbers;
  y: Numbers;
  values: Rows;
  low: number;
  high: number;
  scale: "linear" | "log";
  ends: [string, string];
  over: HeatCurve[];
}
