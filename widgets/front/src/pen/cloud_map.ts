/* What a map decides before anything is drawn: its scale, its colours, how it moves, whose pictures it shows. */

import type { Box } from "../labels.ts";
import type { CloudLayer } from "../layers/cloud.ts";
import { at, type Axis } from "../spec.ts";
import type { Tokens } from "../theme.ts";
import { SHAPES, type Mark } from "./cloud_shapes.ts";
import type { Local } from "./stage.ts";

/** What the reader chose in a map; its tools write it, its pen reads it. */
export interface Reader {
  /** Show pictures of a few items of each class. */
  pictures: boolean;
  /** Classes to colour where there are more than there are colours; null: the largest. */
  picked: number[] | null;
  /** Somebody drives the motion between two maps, and motion is wanted. */
  moves: boolean;
}

/** What the pen put on the page; the tools read it. */
export interface Shown {
  layer: CloudLayer;
  /** Where items may stand. */
  frame: Box;
  /** Where each item stands now; NaN for one that has no place. On the edge for one beyond the frame. */
  px: Float64Array;
  py: Float64Array;
  /** Where it is going. The same once the map has come to rest. */
  toX: Float64Array;
  toY: Float64Array;
  fromX: Float64Array;
  fromY: Float64Array;
  began: number;
  moving: boolean;
  /** The mark of each kind; the last one is of items of no kind. */
  marks: Mark[];
  radius: number;
  /** Items whose picture stands on the map. */
  pictured: number[];
  /** How the marks were drawn. */
  drawn: "webgl" | "canvas";
}

const READER = "map/reader";
const SHOWN = "map/shown";

export function readerOf(local: Local): Reader {
  let reader = local.get(READER) as Reader | undefined;
  if (reader === undefined) {
    reader = { pictures: true, picked: null, moves: false };
    local.set(READER, reader);
  }
  return reader;
}

export function shownOf(local: Local): Shown | null {
  return (local.get(SHOWN) as Shown | undefined) ?? null;
}

export function setShown(local: Local, shown: Shown): void {
  local.set(SHOWN, shown);
}

/** One scale for both axes, so that a distance on the map is one in every direction: limits centred in the frame. */
export function equalScales(
  x: Axis,
  y: Axis,
  frame: Box,
): { perUnit: number; x: [number, number]; y: [number, number] } {
  const wide = Math.max(1, frame.right - frame.left);
  const high = Math.max(1, frame.bottom - frame.top);
  const spanX = x.high > x.low ? x.high - x.low : 1;
  const spanY = y.high > y.low ? y.high - y.low : 1;
  const perUnit = Math.min(wide / spanX, high / spanY);
  const middleX = x.high > x.low ? (x.low + x.high) / 2 : x.low;
  const middleY = y.high > y.low ? (y.low + y.high) / 2 : y.low;
  return {
    perUnit,
    x: [middleX - wide / perUnit / 2, middleX + wide / perUnit / 2],
    y: [middleY - high / perUnit / 2, middleY + high / perUnit / 2],
  };
}

/** The longest of 1, 2, 5 times a power of ten that is not longer than `most`. */
export function roundLength(most: number): number {
  const unit = 10 ** Math.floor(Math.log10(most));
  const factor = [5, 2, 1].find((f) => f * unit <= most * (1 + 1e-9)) ?? 1;
  return Number((factor * unit).toPrecision(1));
}

export const MOVE_MS = 200;

/** How far a movement is after `ms`: from 0 to 1, slow at both ends. */
export function eased(ms: number): number {
  const t = Math.min(1, Math.max(0, ms / MOVE_MS));
  return t * t * (3 - 2 * t);
}

/** Where the items are on their way. One that had no place before, or has none now, does not travel. */
export function between(from: Float64Array, to: Float64Array, part: number): Float64Array {
  if (part >= 1) return to;
  return to.map((end, i) => (Number.isFinite(from[i]) ? from[i]! + (end - from[i]!) * part : end));
}

/** Less than this, in pixels, nobody sees move. */
const STILL = 0.25;

export function differs(a: Float64Array, b: Float64Array): boolean {
  return a.some((value, i) => Math.abs(value - b[i]!) > STILL);
}

/** How many items of each kind there are; the last entry counts those of none. */
export function sizes(layer: CloudLayer): number[] {
  const found = new Array<number>(layer.kinds.length + 1).fill(0);
  const n = Math.min(layer.x.length, layer.y.length);
  for (let i = 0; i < n; i++) {
    const kind = kindOf(layer, i);
    found[kind < 0 ? layer.kinds.length : kind]! += 1;
  }
  return found;
}

/** The kind of an item; −1 for one of no kind, or of one that has no name. */
export function kindOf(layer: CloudLayer, item: number): number {
  const kind = at(layer.kind, item);
  return Number.isInteger(kind) && kind >= 0 && kind < layer.kinds.length ? kind : -1;
}

/** Which classes have a colour of their own: all if there are enough colours, else those picked, else the largest. */
export function coloured(layer: CloudLayer, picked: readonly number[] | null): number[] {
  const all = layer.kinds.map((_, k) => k);
  if (all.length <= SHAPES.length) return all;
  if (picked !== null) return picked.filter((k) => k < all.length).slice(0, SHAPES.length);
  const found = sizes(layer);
  return all
    .sort((a, b) => found[b]! - found[a]! || a - b)
    .slice(0, SHAPES.length)
    .sort((a, b) => a - b);
}

/** The mark of each kind, and last the one of items without a kind: a grey circle. */
export function marksOf(layer: CloudLayer, picked: readonly number[] | null, tokens: Tokens): Mark[] {
  const own = coloured(layer, picked);
  const grey: Mark = { shape: "circle", color: tokens.ghost };
  const marks = layer.kinds.map((_, k) => {
    const slot = own.indexOf(k);
    return slot < 0 ? grey : { shape: SHAPES[slot]!, color: tokens.classes[slot]! };
  });
  return [...marks, grey];
}

/** The radius of a mark: smaller where there are many, larger where there is room, never too small to see its shape. */
export function radiusFor(items: number, height: number): number {
  const own = items <= 600 ? 3 : items <= 2500 ? 2.6 : items <= 6000 ? 2.2 : 1.9;
  return own * Math.min(1.4, Math.max(1, height / 240));
}

/** The middle of each kind (the median on both axes), in pixels; null for one without an item on the map. */
export function middles(
  layer: CloudLayer,
  px: Float64Array,
  py: Float64Array,
): ({ x: number; y: number; items: number[] } | null)[] {
  const items: number[][] = layer.kinds.map(() => []);
  for (let i = 0; i < px.length; i++) {
    const kind = kindOf(layer, i);
    if (kind >= 0 && Number.isFinite(px[i]) && Number.isFinite(py[i])) items[kind]!.push(i);
  }
  const median = (own: number[], place: Float64Array): number =>
    Float64Array.from(own, (i) => place[i]!).sort()[own.length >> 1]!;
  return items.map((own) => (own.length === 0 ? null : { x: median(own, px), y: median(own, py), items: own }));
}

/** Who travels with an item: all that links lead to, near or far. */
export function matesOf(layer: CloudLayer, item: number): number[] {
  const links = linksOf(layer);
  const found = new Set<number>([item]);
  for (let grown = true; grown && found.size < 200;) {
    grown = false;
    for (const [a, b] of links) {
      if (found.has(a) === found.has(b)) continue;
      found.add(a).add(b);
      grown = true;
    }
  }
  found.delete(item);
  return [...found].sort((a, b) => a - b);
}

const pairs = new WeakMap<CloudLayer, [number, number][]>();

/** The links as pairs of items that exist. */
export function linksOf(layer: CloudLayer): [number, number][] {
  const known = pairs.get(layer);
  if (known !== undefined) return known;
  const n = Math.min(layer.x.length, layer.y.length);
  const found: [number, number][] = [];
  const add = (a: number, b: number): void => {
    if (a >= 0 && b >= 0 && a < n && b < n && a !== b) found.push([a, b]);
  };
  const links = layer.links as unknown;
  if (Array.isArray(links)) for (const row of links as ArrayLike<number>[]) add(row[0]!, row[1]!);
  else {
    const { data } = layer.links;
    for (let i = 0; i + 1 < data.length; i += 2) add(at(data, i), at(data, i + 1));
  }
  pairs.set(layer, found);
  return found;
}
