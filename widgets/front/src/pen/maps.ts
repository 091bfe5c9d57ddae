/* Attention maps: a grid of small pictures, each from 0 to its own largest value, beside the item they are of. */

import { freshView, layGrid, layLarge, patchBox, type Cell, type Laid, type View } from "../attention/layout.ts";
import { hasFull, keysOf, largest, rowOf } from "../attention/values.ts";
import { number } from "../format.ts";
import type { Box } from "../labels.ts";
import type { MapsLayer } from "../layers/maps.ts";
import { at } from "../spec.ts";
import { diverging, viridis } from "../theme.ts";
import { font, letters, type Pen, type Stage } from "./stage.ts";

/** Under these names the pen finds what the reader chose, and leaves where things lie. */
export const VIEW = "attention/view";
export const LAID = "attention/laid";

type Colours = Uint8ClampedArray;
const ramps = new Map<string, Colours>();

/** 256 colours as bytes; for a signed map from less by nothing to more. */
function ramp(signed: boolean, dark: boolean): Colours {
  const name = `${signed}/${dark}`;
  let found = ramps.get(name);
  if (found === undefined) {
    found = new Uint8ClampedArray(256 * 4);
    for (let i = 0; i < 256; i++) {
      const colour = signed ? diverging(i / 127.5 - 1, dark) : viridis(i / 255, dark);
      const [r = 0, g = 0, b = 0] = (colour.match(/\d+/g) ?? []).map(Number);
      found.set([r, g, b, 255], i * 4);
    }
    ramps.set(name, found);
  }
  return found;
}

function canvasOf(width: number, height: number, pixels: Uint8ClampedArray): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d");
  const image = ctx?.createImageData(width, height);
  if (ctx == null || image === undefined) throw new Error("this browser gives no canvas to draw on");
  image.data.set(pixels);
  ctx.putImageData(image, 0, 0);
  return canvas;
}

/** One map as pixels, a patch each, into a sheet of maps below each other. */
export function paint(layer: MapsLayer, values: Float64Array, dark: boolean, sheet: Uint8ClampedArray, from: number): void {
  const [rows, columns] = layer.grid;
  const colours = ramp(layer.signed, dark);
  const top = largest(values, layer.prefix) || 1;
  for (let i = 0; i < rows * columns; i++) {
    const part = values[layer.prefix + i]! / top;
    const colour = 4 * Math.round(layer.signed ? (part + 1) * 127.5 : part * 255);
    for (let k = 0; k < 4; k++) sheet[from + 4 * i + k] = colours[colour + k]!;
  }
}

export const drawMaps: Pen<MapsLayer> = (stage, layer) => {
  const view = (stage.local.get(VIEW) as View | undefined) ?? freshView();
  const laid =
    view.open === null
      ? layGrid(layer, stage.box, view, stage.ratio, stage.measure)
      : layLarge(layer, stage.box, view, numbersOf(layer, view), stage.measure);
  stage.local.set(LAID, laid);
  drawCells(stage, layer, laid, view);
  drawKey(stage, layer, laid);
  if (laid.picture !== null) drawItem(stage, layer, laid.picture);
  if (view.query !== null && view.query >= layer.prefix) drawQuery(stage, layer, laid, view.query - layer.prefix);
  const { ctx, tokens } = stage;
  for (const word of laid.words) {
    ctx.font = font(tokens, word.bold);
    ctx.fillStyle = tokens[word.color];
    const width = stage.measure(word.text, word.bold);
    const left = word.align === "start" ? word.x : word.align === "end" ? word.x - width : word.x - width / 2;
    letters(ctx, word.text, left, word.y + 4, stage.ratio);
  }
};

/** What a large map says beside it. */
function numbersOf(layer: MapsLayer, view: View): string[] {
  const index = view.open ?? 0;
  const values = rowOf(layer, index, view.query);
  const found = [
    `entropy ${number(at(layer.entropy, index))}`,
    `distance ${number(at(layer.distance, index))}`,
    `sink mass ${number(at(layer.sinks, index), 3)}`,
  ];
  if (values === null) return ["no such head"];
  found.push(`max ${number(largest(values, layer.prefix), 3)}`);
  if (layer.prefix > 0) {
    let before = 0;
    for (let i = 0; i < layer.prefix; i++) before += values[i]!;
    found.push(`${layer.prefix === 1 ? "CLS" : "prefix"} gets ${number(before, 3)}`);
  }
  return found;
}

/** All maps through one sheet of pixels: a canvas for each would take longer than drawing them. */
function drawCells(stage: Stage, layer: MapsLayer, laid: Laid, view: View): void {
  const { ctx, tokens, ratio } = stage;
  const [rows, columns] = layer.grid;
  const values = laid.cells.map((cell) => rowOf(layer, cell.index, cell.index < 0 ? null : view.query));
  const sheet = new Uint8ClampedArray(laid.cells.length * rows * columns * 4);
  values.forEach((one, i) => one !== null && paint(layer, one, tokens.dark, sheet, i * rows * columns * 4));
  const canvas = canvasOf(columns, rows * laid.cells.length, sheet);
  ctx.save();
  ctx.setLineDash([]);
  laid.cells.forEach((cell, i) => {
    const { left, top, right, bottom } = whole(cell.box, ratio);
    const found = values[i] ?? null;
    if (found === null) {
      ctx.strokeStyle = tokens.hairline;
      ctx.lineWidth = 1;
      ctx.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    } else {
      ctx.imageSmoothingEnabled = ((right - left) / columns) * ratio < 1 || ((bottom - top) / rows) * ratio < 1;
      ctx.drawImage(canvas, 0, i * rows, columns, rows, left, top, right - left, bottom - top);
      note(stage, layer, cell, found);
    }
    const here = view.inGrid && !view.moving && view.open === null && cell.row === view.row && cell.column === view.column;
    if (here && cell.index >= 0) outline(ctx, { left: left - 1, top: top - 1, right: right + 1, bottom: bottom + 1 }, tokens.action, tokens.ground);
  });
  ctx.restore();
}

/** A test reads back what was drawn: one number a token, by the plot's axes. */
function note(stage: Stage, layer: MapsLayer, cell: Cell, values: Float64Array): void {
  const name = cell.index < 0 ? "rollout" : `${layer.layers[cell.row]}/${cell.column + 1}`;
  stage.traces.push({
    key: name,
    name,
    role: "data",
    color: stage.tokens.ink,
    px: Float64Array.from({ length: keysOf(layer) }, (_, i) => stage.x.to(i)),
    py: values.map((value) => stage.y.to(value)),
    ordered: true,
    readable: false,
  });
}

/** A box on whole device pixels, so that its edge is no grey line. */
function whole(box: Box, ratio: number): Box {
  const snap = (value: number): number => Math.round(value * ratio) / ratio;
  return { left: snap(box.left), top: snap(box.top), right: snap(box.right), bottom: snap(box.bottom) };
}

function drawItem(stage: Stage, layer: MapsLayer, box: Box): void {
  const [rows = 0, columns = 0] = layer.picture.shape;
  const pixels = new Uint8ClampedArray(rows * columns * 4).fill(255);
  for (let i = 0; i < rows * columns; i++) for (let k = 0; k < 3; k++) pixels[i * 4 + k] = at(layer.picture.data, i * 3 + k);
  const { ctx } = stage;
  const { left, top, right, bottom } = whole(box, stage.ratio);
  ctx.save();
  ctx.imageSmoothingEnabled = right - left < columns;
  ctx.drawImage(canvasOf(columns, rows, pixels), left, top, right - left, bottom - top);
  ctx.restore();
}

function drawKey(stage: Stage, layer: MapsLayer, laid: Laid): void {
  const { ctx, tokens } = stage;
  const { left, top, right, bottom } = laid.key;
  for (let x = left; x < right; x += 1) {
    const part = (x - left) / (right - left - 1);
    ctx.fillStyle = layer.signed ? diverging(2 * part - 1, tokens.dark) : viridis(part, tokens.dark);
    ctx.fillRect(x, top, 1.5, bottom - top);
  }
}

/** The place of the query, on the item and on every map where a patch is large enough to have an edge. */
function drawQuery(stage: Stage, layer: MapsLayer, laid: Laid, patch: number): void {
  const { ctx, tokens, ratio } = stage;
  // Before the full maps have come, the maps still show another row.
  const boxes = hasFull(layer) ? laid.cells.filter((cell) => cell.index >= 0).map((cell) => cell.box) : [];
  if (laid.picture !== null) boxes.unshift(laid.picture);
  for (const box of boxes) {
    const place = whole(patchBox(layer.grid, box, patch), ratio);
    if (place.right - place.left >= 3) outline(ctx, place, tokens.dark ? tokens.ground : tokens.ink, tokens.dark ? tokens.ink : tokens.ground);
  }
}

/** Two strokes, dark and light: seen on any colour. */
function outline(ctx: CanvasRenderingContext2D, box: Box, inner: string, outer: string): void {
  ctx.setLineDash([]);
  for (const [colour, grow, width] of [[outer, 1, 1], [inner, 0, 1.5]] as const) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.strokeRect(box.left - grow, box.top - grow, box.right - box.left + 2 * grow, box.bottom - box.top + 2 * grow);
  }
}
