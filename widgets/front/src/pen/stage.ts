/* What a pen is given to draw on: one plot of a panel, in CSS pixels, and where it notes what it drew. */

import type { Asset } from "../assets.ts";
import type { Box, Ink, Place } from "../labels.ts";
import type { Scale } from "../scale.ts";
import type { Axis, Layer } from "../spec.ts";
import type { Tokens } from "../theme.ts";

export const SMALL = 11;
/** Height of a line of small words on a canvas. */
export const LINE = 13;
/** How much ink a hairline counts: words may cross one, if need be. */
export const HAIRLINE = 0.04;

/** The path that really went onto the canvas, before rounding to pixels. */
export interface Trace {
  key: string;
  /** What a reader calls it. */
  name: string;
  role: "data" | "reference" | "dots";
  color: string;
  px: Float64Array;
  py: Float64Array;
  /** Dots: what their colour stands for (a step), one number a dot. */
  value?: Float64Array;
  valueName?: string;
  /** x never falls, so a place on the x axis has one value. */
  ordered: boolean;
  /** Its height says something, so the readout gives it. A vertical mark's does not. */
  readable: boolean;
}

/** Words that want a place. */
export interface Words {
  id: string;
  text: string;
  color: string;
  bold: boolean;
  width: number;
  height: number;
  places: Place[];
  rank: number;
  /** From here a fine line leads to the words when they could not stand near. */
  tie: { x: number; y: number } | null;
  /** Said elsewhere too: left out rather than put far away or on top of something. */
  optional?: boolean;
  /** Draws something other than plain words (a colour key). */
  paint?: (ctx: CanvasRenderingContext2D, box: Box) => void;
}

export interface Stage {
  ctx: CanvasRenderingContext2D;
  key: string;
  box: Box;
  x: Scale;
  y: Scale;
  xAxis: Axis;
  yAxis: Axis;
  /** All layers of the plot, for those that refer to another. */
  layers: readonly Layer[];
  tokens: Tokens;
  /** Device pixels per CSS pixel. */
  ratio: number;
  ink: Ink;
  words: Words[];
  traces: Trace[];
  /** Rows of a ridge: where they stand, for hovering. */
  rows: { step: number; base: number }[];
  /** How many values lie beyond the axes. */
  beyond: number;
  measure(text: string, bold?: boolean): number;
  /** What the reader chose in this panel. */
  local: Local;
  asset: (name: string) => Asset | null;
}

/** Choices of the reader in one panel, by name; written by the panel's tools, read by its pens. */
export type Local = Map<string, unknown>;

export type Pen<L> = (stage: Stage, layer: L, index: number) => void;

export function font(tokens: Tokens, bold = false): string {
  return `${bold ? 600 : 400} ${SMALL}px ${tokens.font}`;
}

/** The middle of a device pixel: a hairline there is one pixel wide and not two grey ones. */
export function crisp(place: number, ratio: number): number {
  return (Math.floor(place * ratio) + 0.5) / ratio;
}

/* Words on the other side of their point may be read as words about what lies there. */
const OTHER_SIDE = 14;

/** Words at a point: around it, in the order they are usually read. */
export function around(x: number, y: number, width: number, gap: number, prefer: "start" | "middle" | "end"): Place[] {
  const top = y - LINE / 2;
  const right: Place = { left: x + gap, top, cost: prefer === "start" ? 0 : OTHER_SIDE };
  const left: Place = { left: x - gap - width, top, cost: prefer === "end" ? 0 : OTHER_SIDE };
  const above: Place = { left: x - width / 2, top: y - gap - LINE, cost: prefer === "middle" ? 0 : 4 };
  const below: Place = { left: x - width / 2, top: y + gap, cost: prefer === "middle" ? 1 : 5 };
  const places = [right, left, above, below];
  for (const [dx, dy] of [[1, -1], [1, 1], [-1, -1], [-1, 1]] as const) {
    places.push({
      left: dx > 0 ? x + gap * 0.7 : x - gap * 0.7 - width,
      top: dy > 0 ? y + gap * 0.5 : y - gap * 0.5 - LINE,
      cost: (dx > 0) === (prefer === "end") ? OTHER_SIDE : 6,
    });
  }
  return places.sort((a, b) => a.cost - b.cost);
}

/** Letters that begin between two device pixels are blurred; these begin on one. */
export function letters(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, ratio: number, halo = false): void {
  const left = Math.round(x * ratio) / ratio;
  const base = Math.round(y * ratio) / ratio;
  ctx.textAlign = "left";
  if (halo) ctx.strokeText(text, left, base);
  ctx.fillText(text, left, base);
}

/** What a reader calls a layer: the last part of its key, in words. */
export function named(key: string): string {
  return (key.split("/").pop() ?? key).replace(/_/g, " ");
}
