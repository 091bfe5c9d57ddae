/* A strip of colours through time, with curves over it that show on every colour. */

import type { HeatCurve, HeatLayer } from "../layers/heat.ts";
import { at, rowsOf } from "../spec.ts";
import { DASHES, viridis } from "../theme.ts";
import { runs, type Path } from "./line.ts";
import { crisp, font, letters, LINE, named, type Pen, type Stage } from "./stage.ts";
import { thinned } from "./thin.ts";

/** The last colour, and what stands for "no value": see panels/layers/heat.py. */
export const STOPS = 254;
export const NOTHING = 255;
/** Around white: both ends of the sequence, dark and light, must let it show. */
const RIM = "rgba(21, 24, 27, 0.55)";
const WHITE = "#ffffff";
const KEY_BAR = 48;
/** Left free at the right of the key: the button "Table" comes there. */
const BUTTON = 40;
/** Around words over colours, so that two of them do not read as one. */
const PAD = 4;

const tables = new Map<boolean, Uint8ClampedArray>();

/** Red, green and blue of every stop. */
export function table(dark: boolean): Uint8ClampedArray {
  let found = tables.get(dark);
  if (found === undefined) {
    found = new Uint8ClampedArray(3 * (STOPS + 1));
    for (let stop = 0; stop <= STOPS; stop++) {
      const [r, g, b] = viridis(stop / STOPS, dark).match(/\d+/g)!.map(Number);
      found.set([r!, g!, b!], 3 * stop);
    }
    tables.set(dark, found);
  }
  return found;
}

/** Which cell each pixel of a row (or column) lies in, -1 for none; edges ascend or descend. */
export function cells(edges: ArrayLike<number>, count: number): Int32Array {
  const found = new Int32Array(count).fill(-1);
  for (let cell = 0; cell + 1 < edges.length; cell++) {
    const low = Math.min(edges[cell]!, edges[cell + 1]!);
    const high = Math.max(edges[cell]!, edges[cell + 1]!);
    const from = Math.max(0, Math.ceil(low - 0.5));
    const to = Math.min(count, Math.ceil(high - 0.5));
    for (let i = from; i < to; i++) found[i] = cell;
  }
  return found;
}

/** The picture as bytes: red, green, blue and opacity for each pixel; where there is no value the ground shows. */
export function paint(
  rows: readonly ArrayLike<number | null>[], column: Int32Array, row: Int32Array, dark: boolean,
): Uint8ClampedArray<ArrayBuffer> {
  const colours = table(dark);
  const pixels = new Uint8ClampedArray(4 * column.length * row.length);
  let p = 0;
  for (const r of row) {
    const values = r < 0 ? undefined : rows[r];
    for (const c of column) {
      const value = values === undefined || c < 0 ? NOTHING : (values[c] ?? NOTHING);
      if (value <= STOPS) {
        const k = 3 * value;
        pixels[p] = colours[k]!;
        pixels[p + 1] = colours[k + 1]!;
        pixels[p + 2] = colours[k + 2]!;
        pixels[p + 3] = 255;
      }
      p += 4;
    }
  }
  return pixels;
}

export const drawHeat: Pen<HeatLayer> = (stage, layer) => {
  const { ctx, box, ratio, tokens } = stage;
  const left = Math.round(box.left * ratio);
  const top = Math.round(box.top * ratio);
  const width = Math.round(box.right * ratio) - left;
  const height = Math.round(box.bottom * ratio) - top;
  const across = Float64Array.from(layer.x as ArrayLike<number>, (v) => stage.x.to(v) * ratio - left);
  const down = Float64Array.from(layer.y as ArrayLike<number>, (v) => stage.y.to(v) * ratio - top);
  if (width > 0 && height > 0) {
    const pixels = paint(rowsOf(layer.values), cells(across, width), cells(down, height), tokens.dark);
    const sheet = document.createElement("canvas");
    sheet.width = width;
    sheet.height = height;
    sheet.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
    ctx.save();
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(sheet, left / ratio, top / ratio, width / ratio, height / ratio);
    ctx.restore();
  }
  traceColumns(stage, layer, across, left);
  drawKey(stage, layer);
  for (const curve of layer.over) drawCurve(stage, curve);
};

/* One point a column, at its step and at the lower end of its colours: what a test reads back. */
function traceColumns(stage: Stage, layer: HeatLayer, across: Float64Array, left: number): void {
  const rows = rowsOf(layer.values);
  const count = layer.steps.length;
  const px = new Float64Array(count);
  const py = new Float64Array(count);
  const value = new Float64Array(count);
  for (let c = 0; c < count; c++) {
    let last = rows.length - 1;
    while (last >= 0 && (rows[last]![c] ?? NOTHING) > STOPS) last -= 1;
    const step = at(layer.steps, c);
    px[c] = Number.isFinite(step) ? stage.x.to(step) : ((across[c]! + across[c + 1]!) / 2 + left) / stage.ratio;
    py[c] = last < 0 ? NaN : stage.y.to(at(layer.y, last + 1));
    value[c] = step;
  }
  const trace = { key: layer.key, name: named(layer.key), role: "reference" as const, color: stage.tokens.ink };
  stage.traces.push({ ...trace, px, py, value, valueName: "step", ordered: true, readable: false });
}

/* Over the strip at its right, in the line of the axis's name. */
function drawKey(stage: Stage, layer: HeatLayer): void {
  const { ctx, box, tokens, ratio } = stage;
  const [low, high] = layer.ends;
  const base = box.top - 7;
  ctx.save();
  ctx.font = font(tokens);
  ctx.fillStyle = tokens.second;
  const right = box.right - BUTTON - stage.measure(high);
  letters(ctx, high, right, base, ratio);
  const bar = Math.round((right - 5 - KEY_BAR) * ratio) / ratio;
  letters(ctx, low, bar - 5 - stage.measure(low), base, ratio);
  for (let i = 0; i < KEY_BAR; i++) {
    ctx.fillStyle = viridis(i / (KEY_BAR - 1), tokens.dark);
    ctx.fillRect(bar + i, base - 7, 1.5, 7);
  }
  ctx.restore();
}

function drawCurve(stage: Stage, curve: HeatCurve): void {
  if (curve.label !== "") addWords(stage, curve);
  if (curve.x.length === 0) return;
  const { ctx, box, tokens, ratio } = stage;
  const n = Math.min(curve.x.length, curve.y.length);
  const exact: Path = { px: new Float64Array(n), py: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    exact.px[i] = stage.x.to(at(curve.x, i));
    exact.py[i] = stage.y.to(at(curve.y, i));
  }
  const path = thinned(exact.px, exact.py, box.right - box.left);
  const ghost = curve.color === "ghost";
  const wide = ghost ? 1.25 : curve.dash === "chance" ? 1.25 : 1.75;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top - 1, box.right - box.left + 1, box.bottom - box.top + 2);
  ctx.clip();
  ctx.lineJoin = "round";
  ctx.setLineDash(DASHES[curve.dash] as number[]);
  ctx.beginPath();
  for (const [from, to] of runs(path)) {
    // A level line that lies between two pixels would be two grey ones.
    const flat = path.py.subarray(from, to).every((y) => y === path.py[from]);
    const y = (i: number): number => (flat ? crisp(path.py[i]!, ratio) : path.py[i]!);
    ctx.moveTo(path.px[from]!, y(from));
    if (to - from === 1) ctx.lineTo(path.px[from]! + wide, y(from));
    for (let i = from + 1; i < to; i++) {
      ctx.lineTo(path.px[i]!, y(i));
      stage.ink.segment(path.px[i - 1]!, y(i - 1), path.px[i]!, y(i));
    }
  }
  ctx.strokeStyle = RIM;
  ctx.lineWidth = wide + 1.5;
  ctx.stroke();
  ctx.strokeStyle = ghost ? tokens.ghost : WHITE;
  ctx.lineWidth = wide;
  ctx.stroke();
  ctx.restore();
  const reference = curve.dash === "chance";
  stage.traces.push({
    key: curve.key,
    name: named(curve.key),
    role: reference ? "reference" : "data",
    color: ghost ? tokens.ghost : tokens.ink,
    px: path.px,
    py: path.py,
    ordered: true,
    readable: true,
  });
}

function addWords(stage: Stage, curve: HeatCurve): void {
  const width = stage.measure(curve.label) + 2 * PAD;
  const left = stage.x.to(curve.label_x) - width + PAD;
  const top = stage.y.to(curve.label_y) - LINE / 2;
  const places = [{ left, top, cost: 0 }];
  for (let k = 1; k <= 8; k++) {
    for (const down of [0, -18, 18]) places.push({ left: left - 22 * k, top: top + down, cost: k + Math.abs(down) / 9 });
  }
  stage.words.push({
    id: `${stage.key}/over/${curve.key}`,
    text: curve.label,
    color: WHITE,
    bold: false,
    width,
    height: LINE,
    places,
    rank: 70,
    tie: null,
    paint: (ctx, box) => {
      ctx.save();
      ctx.font = font(stage.tokens);
      ctx.lineJoin = "round";
      ctx.setLineDash([]);
      ctx.strokeStyle = RIM;
      ctx.lineWidth = 2.5;
      ctx.fillStyle = WHITE;
      letters(ctx, curve.label, box.left + PAD, box.bottom - 3, stage.ratio, true);
      ctx.restore();
    },
  });
}
