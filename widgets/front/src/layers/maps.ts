import type { Block, Numbers, Rows } from "../spec.ts";

/** Attention of every layer and head on one item: see `panels/layers/maps.py` for what each field holds. */
export interface MapsLayer {
  type: "maps";
  key: string;
  levels: Rows;
  scale: Numbers;
  full: Rows;
  full_scale: Rows;
  signed: boolean;
  layers: string[];
  heads: number;
  said: string[];
  entropy: Numbers;
  distance: Numbers;
  sinks: Numbers;
  rollout: Numbers;
  rollout_scale: number | null;
  grid: [number, number];
  prefix: number;
  query: string;
  picture: Block;
  caption: string[];
  item: string;
  items: string[];
  show: string;
  shows: string[];
  ends: [string, string];
  refused: string;
}
