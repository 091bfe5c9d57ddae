/* What a panel is: the twin of `vergence_widgets/panels/spec.py`, as it arrives in a message.
 *
 * The browser decides nothing about what is shown: limits, ticks, words and references come from the
 * spec. It decides only where on the screen they go. */

import type { BarsLayer } from "./layers/bars.ts";
import type { CloudLayer } from "./layers/cloud.ts";
import type { GalleryLayer } from "./layers/gallery.ts";
import type { HeatLayer } from "./layers/heat.ts";
import type { MapsLayer } from "./layers/maps.ts";
import type { WeightsLayer } from "./layers/weights.ts";

export type State = "empty" | "loading" | "live" | "stopped" | "failed";
export type Color = "ink" | "second" | "ghost" | "reference" | "positive" | "negative" | "rule";
export type Dash = "solid" | "chance" | "floor" | "negative";

/** A row of numbers. Typed when it came in a buffer; null stands for "not a number" in plain JSON. */
export type Numbers = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array | readonly (number | null)[];

/** Rows of equal length, as they lie in one buffer. */
export interface Rows {
  data: Numbers;
  shape: [number, number];
}

/** Pictures: `(items, height, width, 3)` bytes. */
export interface Block {
  data: Numbers;
  shape: number[];
}

export interface Axis {
  name: string;
  low: number;
  high: number;
  ticks: number[];
  tick_labels: string[] | null;
  scale: "linear" | "log";
  /** Axes of the same quantity ("step", "cosine") share one crosshair. */
  quantity: string;
}

export interface LineLayer {
  type: "line";
  key: string;
  x: Numbers;
  y: Numbers;
  color: Color;
  dash: Dash;
  width: number;
  opacity: number;
  fill: boolean;
  end_dot: boolean;
  label: string;
  /** Key of another line: the space between the two is tinted. */
  fill_to: string;
}

export interface RuleLayer {
  type: "rule";
  key: string;
  y: number;
  label: string;
  dash: Dash;
  side: "left" | "right";
  below: boolean;
}

export interface MarkLayer {
  type: "mark";
  x: number;
  label: string;
  kind: "control" | "trouble";
  label_y: number | null;
  anchor: "start" | "end";
}

export interface PointsLayer {
  type: "points";
  key: string;
  x: Numbers;
  y: Numbers;
  value: Numbers;
  value_low: number;
  value_high: number;
  value_name: string;
  radius: number;
  ring_last: boolean;
  now_side: "left" | "right";
  now_below: boolean;
  key_at: [number, number] | null;
}

export interface SpanLayer {
  type: "span";
  key: string;
  low: number;
  mid: number;
  high: number;
  y: number;
  label: string;
  side: "left" | "right";
}

export interface BracketLayer {
  type: "bracket";
  key: string;
  x: number;
  low: number;
  high: number;
  label: string;
  label_y: number | null;
}

export interface LabelLayer {
  type: "label";
  x: number;
  y: number;
  text: string;
  color: Color;
  anchor: "start" | "middle" | "end";
  bold: boolean;
}

export interface RidgeLayer {
  type: "ridge";
  key: string;
  x: Numbers;
  steps: number[];
  positive: Rows | Numbers[];
  negative: Rows | Numbers[];
  peak: number;
  /** How many rows a density of `peak` rises. */
  overlap: number;
}

export type Layer =
  | LineLayer
  | RuleLayer
  | MarkLayer
  | PointsLayer
  | SpanLayer
  | BracketLayer
  | LabelLayer
  | RidgeLayer
  | HeatLayer
  | CloudLayer
  | MapsLayer
  | BarsLayer
  | GalleryLayer
  | WeightsLayer;

export interface Plot {
  key: string;
  x: Axis;
  y: Axis;
  layers: Layer[];
  share: number;
  show_x: boolean;
  /** No axes: its one layer fills the whole box. */
  bare: boolean;
}

export interface Headline {
  name: string;
  text: string;
  reference: string;
  value: number | null;
}

export interface Table {
  columns: string[];
  rows: string[][];
}

export interface Panel {
  noun: string;
  unit: string;
  state: State;
  step: number | null;
  headline: Headline | null;
  plots: Plot[];
  foot_left: string[];
  foot_right: string[];
  ends: [string, string];
  message: string;
  after: string;
  progress: [number, number] | null;
  summary: string;
  table: Table;
  late: string;
}

/** One entry of `Numbers` as a number: what is missing is NaN, so it is drawn as a gap. */
export function at(values: Numbers, i: number): number {
  const value = values[i];
  return typeof value === "number" ? value : NaN;
}

/** The rows of a two-dimensional array, however it was packed. */
export function rowsOf(array: Rows | Numbers[]): Numbers[] {
  if (Array.isArray(array)) return array;
  const [count, length] = array.shape;
  const rows: Numbers[] = [];
  for (let r = 0; r < count; r++) {
    const from = r * length;
    rows.push(
      Array.isArray(array.data)
        ? array.data.slice(from, from + length)
        : (array.data as Float32Array).subarray(from, from + length),
    );
  }
  return rows;
}
