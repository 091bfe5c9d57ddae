/* Curves: a gap in the record is a gap in the line, and the words stand on the line. */

import type { Place } from "../labels.ts";
import { at, type LineLayer } from "../spec.ts";
import { DASHES, stroke, wordColor } from "../theme.ts";
import { fillUnder, tintTo } from "./histogram.ts";
import { HAIRLINE, LINE, named, type Pen, type Stage } from "./stage.ts";
import { thinned } from "./thin.ts";

/* Below this a line is a faint backdrop: words may cross it when nothing better is free. */
const FAINT = 0.35;
const MOST_SIGNS = 12;

export interface Path {
  px: Float64Array;
  py: Float64Array;
}

function pathOf(stage: Stage, layer: LineLayer): Path {
  const n = Math.min(layer.x.length, layer.y.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    px[i] = stage.x.to(at(layer.x, i));
    py[i] = stage.y.to(at(layer.y, i));
  }
  return thinned(px, py, stage.box.right - stage.box.left);
}

/** Runs of points that belong together: a NaN ends one. */
export function runs(path: Path): [number, number][] {
  const found: [number, number][] = [];
  let from = -1;
  for (let i = 0; i <= path.px.length; i++) {
    const solid = i < path.px.length && Number.isFinite(path.px[i]) && Number.isFinite(path.py[i]);
    if (solid && from < 0) from = i;
    if (!solid && from >= 0) {
      found.push([from, i]);
      from = -1;
    }
  }
  return found;
}

export function isOrdered(px: Float64Array): boolean {
  let last = -Infinity;
  for (const x of px) {
    if (x < last) return false;
    if (Number.isFinite(x)) last = x;
  }
  return true;
}

export const drawLine: Pen<LineLayer> = (stage, layer, index) => {
  const { ctx, tokens, box } = stage;
  const path = pathOf(stage, layer);
  const parts = runs(path);
  const color = stroke(layer.color, tokens);
  if (layer.fill) fillUnder(stage, path, parts, color, layer.color);
  const other = stage.layers.find((one) => one.type === "line" && one.key === layer.fill_to);
  if (layer.fill_to !== "" && other?.type === "line") tintTo(stage, path, parts, pathOf(stage, other));
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left - 1, box.top - 1, box.right - box.left + 2, box.bottom - box.top + 2);
  ctx.clip();
  ctx.globalAlpha = layer.opacity;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = layer.width;
  ctx.lineJoin = "round";
  ctx.lineCap = layer.dash === "floor" ? "round" : "butt";
  ctx.setLineDash(DASHES[layer.dash] as number[]);
  ctx.beginPath();
  const weight = layer.color === "rule" && layer.width < 1 ? HAIRLINE : layer.opacity < FAINT ? 0.3 : 1;
  for (const [from, to] of parts) {
    if (to - from === 1) {
      // A lone value between two gaps has no line to either side; as a dot it is still seen.
      ctx.moveTo(path.px[from]! + layer.width / 2, path.py[from]!);
      ctx.arc(path.px[from]!, path.py[from]!, layer.width / 2, 0, 2 * Math.PI);
      stage.ink.disc(path.px[from]!, path.py[from]!, 1, weight);
      continue;
    }
    ctx.moveTo(path.px[from]!, path.py[from]!);
    for (let i = from + 1; i < to; i++) {
      ctx.lineTo(path.px[i]!, path.py[i]!);
      stage.ink.segment(path.px[i - 1]!, path.py[i - 1]!, path.px[i]!, path.py[i]!, weight);
    }
  }
  ctx.stroke();
  ctx.restore();
  markBeyond(stage, path, color);
  const last = parts[parts.length - 1];
  if (layer.end_dot && last !== undefined) {
    const x = path.px[last[1] - 1]!;
    const y = Math.min(box.bottom, Math.max(box.top, path.py[last[1] - 1]!));
    ctx.beginPath();
    ctx.arc(x, y, 3.5, 0, 2 * Math.PI);
    ctx.fillStyle = color;
    ctx.fill();
    stage.ink.disc(x, y, 5);
  }
  const ordered = isOrdered(path.px);
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: layer.color === "reference" || layer.color === "rule" ? "reference" : "data",
    color,
    px: path.px,
    py: path.py,
    ordered,
    readable: ordered && layer.color !== "rule",
  });
  if (layer.label !== "" && last !== undefined) {
    const width = stage.measure(layer.label);
    stage.words.push({
      id: `${stage.key}/line/${layer.key}`,
      text: layer.label,
      color: wordColor(layer.color, tokens),
      bold: false,
      width,
      height: LINE,
      places: layer.fill ? peakPlaces(path, width) : alongPlaces(stage, path, width),
      rank: 50 - index / 10,
      tie: null,
    });
  }
};

/* A sharp sign at the edge where a curve leaves the picture, since a cut line would look like a plateau. */
function markBeyond(stage: Stage, path: Path, color: string): void {
  const { ctx, box } = stage;
  const side = (i: number): number => {
    const y = path.py[i]!;
    return y < box.top - 0.5 ? -1 : y > box.bottom + 0.5 ? 1 : 0;
  };
  let marks = 0;
  for (let i = 0; i < path.px.length && marks < MOST_SIGNS; i++) {
    const out = side(i);
    if (out === 0) continue;
    const from = i;
    while (i + 1 < path.px.length && side(i + 1) === out) i += 1;
    marks += 1;
    const x = (path.px[from]! + path.px[i]!) / 2;
    const edge = out < 0 ? box.top : box.bottom;
    ctx.beginPath();
    ctx.moveTo(x - 3.5, edge - out * 5);
    ctx.lineTo(x, edge);
    ctx.lineTo(x + 3.5, edge - out * 5);
    ctx.strokeStyle = color;
    ctx.lineWidth = 1.25;
    ctx.setLineDash([]);
    ctx.stroke();
  }
}

/* Above or below the curve at places along it; the newest end first. */
function alongPlaces(stage: Stage, path: Path, width: number): Place[] {
  const places: Place[] = [];
  const finite: number[] = [];
  for (let i = 0; i < path.px.length; i++) if (Number.isFinite(path.py[i]) && Number.isFinite(path.px[i])) finite.push(i);
  const from = Math.min(...finite.map((i) => path.px[i]!));
  const to = Math.max(...finite.map((i) => path.px[i]!));
  for (let k = 0; k <= 12; k++) {
    const right = Math.min(stage.box.right, to) - ((to - from) * k) / 12;
    const left = Math.max(stage.box.left, right - width);
    let high = Infinity;
    let low = -Infinity;
    for (const i of finite) {
      const x = path.px[i]!;
      if (x < left - 3 || x > left + width + 3) continue;
      high = Math.min(high, path.py[i]!);
      low = Math.max(low, path.py[i]!);
    }
    if (high === Infinity) continue;
    // Where the curve is steep, words beside its extent stand far from it, so flat stretches are better.
    const steep = (low - high) * 0.25;
    places.push({ left, top: high - LINE - 3, cost: k + steep });
    places.push({ left, top: low + 3, cost: k + steep + 0.5 });
  }
  return places.sort((a, b) => a.cost - b.cost);
}

/* Over the top of a hump, or beside its upper half. */
function peakPlaces(path: Path, width: number): Place[] {
  let top = 0;
  for (let i = 1; i < path.py.length; i++) if (path.py[i]! < path.py[top]!) top = i;
  const x = path.px[top]!;
  const y = path.py[top]!;
  const side = (sign: -1 | 1, drop: number): Place => {
    let i = top;
    while (i > 0 && i < path.px.length - 1 && path.py[i]! < y + drop + LINE) i += sign;
    const edge = path.px[i]!;
    return { left: sign < 0 ? edge - 8 - width : edge + 8, top: y + drop, cost: 2 + drop / 6 };
  };
  return [
    { left: x - width / 2, top: y - LINE - 3, cost: 0 },
    side(-1, 2), side(1, 2), side(-1, 10), side(1, 10), side(-1, 20), side(1, 20),
  ];
}
