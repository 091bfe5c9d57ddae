/* Where the parts of the attention panel lie: the item, the grid of maps, the rollout, entropies; or one map large. */

import type { MapsLayer } from "../layers/maps.ts";
import type { Box } from "../labels.ts";

/** What the reader chose in this panel. */
export interface View {
  /** The token whose row is shown; null: the usual one. */
  query: number | null;
  /** The map that is shown large; null: the grid. */
  open: number | null;
  /** The head the keys are at, by row and column of the whole grid. */
  row: number;
  column: number;
  /** The first row and column of the grid that is in view. */
  firstRow: number;
  firstColumn: number;
  /** Keys move over heads; over patches of the query. */
  inGrid: boolean;
  moving: boolean;
}

export function freshView(): View {
  return { query: null, open: null, row: 0, column: 0, firstRow: 0, firstColumn: 0, inGrid: false, moving: false };
}

/** One map; `index` in the layer's arrays, -1 for the rollout. */
export interface Cell {
  index: number;
  row: number;
  column: number;
  box: Box;
}

export interface Word {
  text: string;
  /** Where it begins, or ends; and the middle of its height. */
  x: number;
  y: number;
  align: "start" | "middle" | "end";
  color: "ink" | "second";
  bold: boolean;
}

export interface Laid {
  cells: Cell[];
  words: Word[];
  /** The item; null when it has no picture. */
  picture: Box | null;
  key: Box;
  /** Where the choices stand: the item under its picture, what is shown under the key. */
  itemAt: { x: number; y: number };
  showAt: { x: number; y: number };
  bottom: number;
  /** How many rows and columns are in view. */
  rows: number;
  columns: number;
}

type Measure = (text: string, bold?: boolean) => number;

const PICTURE = 56;
const LEFT = 90;
const KEY_WIDTH = 60;
const HEAD = 15;
const LINE = 14;
const ROLLOUT = 40;
const APART = 7;
const ENTROPY = 46;
/** A row holds its number at 11 px, so no map is lower. */
export const LEAST = 12;
const GAP = 3;
const TALLEST_STRIP = 34;

const between = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

/** The first row in view, so that `wanted` is. */
function firstOf(first: number, wanted: number | null, seen: number, count: number): number {
  let from = between(first, 0, count - seen);
  if (wanted !== null) from = between(from, wanted - seen + 1, wanted);
  return between(from, 0, Math.max(0, count - seen));
}

/** A side that gives each patch the same whole number of device pixels, where that costs little. */
function evenSide(unit: number, ratio: number): number {
  const device = unit * ratio;
  return device >= 4 ? Math.floor(device) / ratio : unit;
}

function word(text: string, x: number, y: number, align: Word["align"] = "start", more: Partial<Word> = {}): Word {
  return { text, x, y, align, color: "second", bold: false, ...more };
}

/** "query: mean of queries" in lines of the column under the picture. */
export function wrapped(text: string, width: number, measure: Measure): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of text.split(" ")) {
    const longer = line === "" ? part : `${line} ${part}`;
    if (line !== "" && measure(longer) > width) {
      lines.push(line);
      line = part;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}

/** What the query is called: "CLS", "row 3, column 5", "token 7". Tokens before the patches have no place. */
export function queryName(layer: MapsLayer, query: number | null): string {
  if (query === null) return layer.query;
  const patch = query - layer.prefix;
  const [rows, columns] = layer.grid;
  if (patch < 0) return `token ${query}`;
  if (rows === 1) return `token ${patch + 1} of ${columns}`;
  return `row ${Math.floor(patch / columns) + 1}, column ${(patch % columns) + 1}`;
}

export function layGrid(layer: MapsLayer, box: Box, view: View, ratio: number, measure: Measure): Laid {
  const rolled = layer.rollout.length > 0;
  const [down, across] = layer.grid;
  const freeY = box.bottom - box.top - HEAD;
  const freeX = box.right - box.left - LEFT - ENTROPY - (rolled ? ROLLOUT + APART : 0);
  const rows = Math.min(layer.layers.length, Math.max(1, Math.floor(freeY / LEAST)));
  const columns = Math.min(layer.heads, Math.max(1, Math.floor(freeX / LEAST)));
  let pitchX = freeX / columns;
  let pitchY = freeY / rows;
  const gap = Math.min(pitchX, pitchY) < 16 ? 1.5 : GAP;
  if (down > 1) {
    const alone = Math.min((pitchX - gap) / across, (pitchY - gap) / down);
    // Where maps are wide, that of the rollout is as wide as they are.
    const beside = (freeX + ROLLOUT - (columns + 1) * gap) / (columns + 1) / across;
    const unit = rolled ? Math.max(Math.min(alone, beside), Math.min(alone, ROLLOUT / across)) : alone;
    pitchX = evenSide(unit, ratio) * across + gap;
    pitchY = evenSide(unit, ratio) * down + gap;
    // Low maps still stand as far apart as their numbers need.
    pitchY = Math.max(pitchY, Math.min(LEAST, freeY / rows));
  } else pitchY = Math.min(pitchY, TALLEST_STRIP + gap);
  const side = pitchX - gap;
  const tall = down > 1 ? (side / across) * down : pitchY - gap;
  const left = box.left + LEFT;
  const top = box.top + HEAD;
  const firstRow = firstOf(view.firstRow, view.inGrid ? view.row : null, rows, layer.layers.length);
  const firstColumn = firstOf(view.firstColumn, view.inGrid ? view.column : null, columns, layer.heads);
  const cells: Cell[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const x = left + j * pitchX;
      const y = top + i * pitchY;
      const index = (firstRow + i) * layer.heads + firstColumn + j;
      cells.push({ index, row: firstRow + i, column: firstColumn + j, box: { left: x, top: y, right: x + side, bottom: y + tall } });
    }
  }
  let right = left + columns * pitchX - gap;
  const words: Word[] = [];
  const header = box.top + HEAD / 2 - 1;
  if (rolled) {
    const wide = Math.max(side, evenSide(ROLLOUT / across, ratio) * across);
    right += APART + gap;
    cells.push({ index: -1, row: 0, column: 0, box: { left: right, top, right: right + wide, bottom: top + (down > 1 ? (wide / across) * down : tall) } });
    right += Math.max(wide, ROLLOUT);
    words.push(word("rollout", right - Math.max(wide, ROLLOUT) / 2, header, "middle"));
  }
  const end = Math.min(box.right, right + ENTROPY);
  words.push(word("layer", left - 6, header, "end"), word("entropy", end, header, "end"));
  for (let i = 0; i < rows; i++) {
    const y = top + i * pitchY + tall / 2;
    words.push(word(layer.layers[firstRow + i] ?? "", left - 6, y, "end"), word(layer.said[firstRow + i] ?? "", end, y, "end"));
  }
  words.push(...headNumbers(layer, columns, firstColumn, left, pitchX, side, header, measure));
  const under = captions(layer, box, view, measure, rows, columns, firstRow, firstColumn);
  return { cells, words: [...words, ...under.words], picture: under.picture, key: under.key, itemAt: under.itemAt, showAt: under.showAt, bottom: box.bottom, rows, columns };
}

function headNumbers(
  layer: MapsLayer, columns: number, first: number, left: number, pitch: number, side: number, y: number, measure: Measure,
): Word[] {
  const words: Word[] = [];
  const widest = measure(String(layer.heads)) + 5;
  const every = Math.max(1, Math.ceil(widest / pitch));
  for (let j = 0; j < columns; j += every) {
    // The first is named; where there is no room for that, the numbers stand alone.
    const long = `head ${first + j + 1}`;
    const named = j === 0 && measure(long) < Math.min(pitch * every - 2, side + 10);
    words.push(word(named ? long : String(first + j + 1), left + j * pitch + side / 2, y, "middle"));
  }
  return words;
}

interface Under {
  words: Word[];
  picture: Box | null;
  key: Box;
  itemAt: { x: number; y: number };
  showAt: { x: number; y: number };
}

/** The column at the left: picture, what it is, whose row is shown, the key of the colours. */
function captions(
  layer: MapsLayer, box: Box, view: View, measure: Measure, rows: number, columns: number, firstRow: number, firstColumn: number,
): Under {
  const room = LEFT - 24;
  const words: Word[] = [];
  const picture = layer.picture.shape[0]! > 0 ? { left: box.left, top: box.top + 2, right: box.left + PICTURE, bottom: box.top + 2 + PICTURE } : null;
  let y = picture === null ? box.top + 8 : picture.bottom + 11;
  const itemAt = { x: box.left, y };
  const say = (text: string): void => {
    for (const line of wrapped(text, room, measure)) {
      words.push(word(line, box.left, y));
      y += LINE;
    }
  };
  const caption = layer.caption;
  if (layer.items.length > 1) y += LINE;
  else say(caption[0] ?? "");
  const known = view.query !== null && layer.full.shape[0] > 0;
  say(`query: ${queryName(layer, known ? view.query : null)}`);
  const aside = columns < layer.heads;
  const scrolled = rows < layer.layers.length;
  const of = (count: number): string => (aside && scrolled ? "" : ` of ${count}`);
  if (scrolled) say(`layers ${layer.layers[firstRow]}–${layer.layers[firstRow + rows - 1]}${of(layer.layers.length)}`);
  if (aside) say(`heads ${firstColumn + 1}–${firstColumn + columns}${of(layer.heads)}`);
  // The size is seen as well; where lines are needed, it is the one that can go.
  if (caption.length > 1 && !known && !scrolled) say(caption[caption.length - 1]!);
  const key = { left: box.left, top: y - 4, right: box.left + KEY_WIDTH, bottom: y + 3 };
  y = key.bottom + 9;
  const [low, high] = layer.ends;
  words.push(word(low, box.left, y), word(high.split(" ")[0]!, key.right, y, "end"));
  y += LINE;
  return { words, picture, key, itemAt, showAt: { x: box.left, y: y + 2 } };
}

/** One map large, its item beside it at the same size, and its numbers. */
export function layLarge(layer: MapsLayer, box: Box, view: View, numbers: readonly string[], measure: Measure): Laid {
  const [down, across] = layer.grid;
  const height = box.bottom - box.top - HEAD - 4;
  const width = box.right - box.left;
  const index = view.open ?? 0;
  const row = Math.floor(index / layer.heads);
  const title = `layer ${layer.layers[row] ?? ""}, head ${(index % layer.heads) + 1}`;
  const column = Math.max(...numbers.map((text) => measure(text)), measure("query: row 10,"), 60) + 12;
  const hasPicture = layer.picture.shape[0]! > 0 && down > 1;
  const free = width - column - 14;
  const wide = hasPicture ? (free - 14) / 2 : free;
  const unit = down > 1 ? Math.min(wide / across, height / down) : wide / across;
  const side = unit * across;
  const tall = down > 1 ? unit * down : Math.min(60, height);
  const top = box.top + HEAD + 2;
  const picture = hasPicture ? { left: box.left, top, right: box.left + side, bottom: top + tall } : null;
  const left = picture === null ? box.left : picture.right + 14;
  const cells: Cell[] = [{ index, row, column: index % layer.heads, box: { left, top, right: left + side, bottom: top + tall } }];
  const words = [word(title, left, box.top + HEAD / 2 - 1, "start", { color: "ink", bold: true })];
  if (picture !== null) words.push(word(layer.caption.slice(0, -1).join(", "), box.left, box.top + HEAD / 2 - 1));
  const x = left + side + 14;
  let y = top + 6;
  const known = view.query !== null && layer.full.shape[0] > 0;
  for (const line of wrapped(`query: ${queryName(layer, known ? view.query : null)}`, column, measure)) {
    words.push(word(line, x, y));
    y += LINE;
  }
  for (const text of numbers) {
    words.push(word(text, x, y));
    y += LINE;
  }
  const key = { left: x, top: y + 2, right: x + KEY_WIDTH, bottom: y + 9 };
  const [low, high] = layer.ends;
  words.push(word(low, x, key.bottom + 9), word(high.split(" ")[0]!, key.right, key.bottom + 9, "end"));
  return { cells, words, picture, key, itemAt: { x: 0, y: -1 }, showAt: { x: 0, y: -1 }, bottom: box.bottom, rows: 1, columns: 1 };
}

/** The patch of a box of patches under a point; -1 outside. */
export function patchAt(grid: readonly [number, number], box: Box, x: number, y: number): number {
  if (x < box.left || x >= box.right || y < box.top || y >= box.bottom) return -1;
  const [rows, columns] = grid;
  const column = Math.min(columns - 1, Math.floor(((x - box.left) / (box.right - box.left)) * columns));
  const row = Math.min(rows - 1, Math.floor(((y - box.top) / (box.bottom - box.top)) * rows));
  return row * columns + column;
}

/** The place of one patch in a box of patches. */
export function patchBox(grid: readonly [number, number], box: Box, patch: number): Box {
  const [rows, columns] = grid;
  const wide = (box.right - box.left) / columns;
  const tall = (box.bottom - box.top) / rows;
  const left = box.left + (patch % columns) * wide;
  const top = box.top + Math.floor(patch / columns) * tall;
  return { left, top, right: left + wide, bottom: top + tall };
}
