/* The map: one mark per item, coloured and shaped by its class, on one scale for both axes. */

import type { Box } from "../labels.ts";
import type { CloudLayer } from "../layers/cloud.ts";
import { scale } from "../scale.ts";
import { at } from "../spec.ts";
import {
  between,
  coloured,
  differs,
  eased,
  equalScales,
  kindOf,
  linksOf,
  marksOf,
  middles,
  MOVE_MS,
  radiusFor,
  readerOf,
  setShown,
  shownOf,
  type Shown,
} from "./cloud_map.ts";
import { GL_FROM, painter } from "./cloud_gl.ts";
import { outline, Stamps, type Mark } from "./cloud_shapes.ts";
import { drawPictures, drawScaleBar, nameClasses, SCALE_ROW } from "./cloud_words.ts";
import { HAIRLINE, LINE, named, type Stage } from "./stage.ts";

/** The tools' line of buttons stands over the map. */
const BAR_ROW = 21;
const OPACITY = 0.85;
/** More links than this are a thicket; then only those of one item are drawn. */
export const MOST_LINKS = 600;
/** More items than this are not moved smoothly: drawn in software, twelve pictures on the way would take seconds. */
const MOST_MOVING = 2_000;

const NAMES = "map/names";

export function drawCloud(stage: Stage, layer: CloudLayer): void {
  const { box, local } = stage;
  const n = Math.min(layer.x.length, layer.y.length);
  const frame: Box = {
    left: box.left + 2,
    top: box.top + BAR_ROW,
    right: box.right - 2,
    bottom: box.bottom - SCALE_ROW,
  };
  const radius = radiusFor(n, frame.bottom - frame.top);
  const inner = inset(frame, radius + 2);
  const equal = equalScales(stage.xAxis, stage.yAxis, inner);
  stage.x = scale(equal.x[0], equal.x[1], inner.left, inner.right, false);
  stage.y = scale(equal.y[0], equal.y[1], inner.bottom, inner.top, false);
  const trueX = Float64Array.from({ length: n }, (_, i) => stage.x.to(at(layer.x, i)));
  const trueY = Float64Array.from({ length: n }, (_, i) => stage.y.to(at(layer.y, i)));
  const outside = clampInto(trueX, trueY, inner);
  const last = shownOf(local);
  const shown = settle(stage, last, layer, frame, outside.x, outside.y, radius);
  setShown(local, shown);

  const { ctx } = stage;
  ctx.save();
  drawLinks(stage, shown);
  drawMarks(stage, shown, outside.beyond);
  for (let i = 0; i < n; i++)
    if (Number.isFinite(shown.toX[i])) stage.ink.disc(shown.toX[i]!, shown.toY[i]!, radius + 1);
  const centres = middles(layer, shown.toX, shown.toY);
  if (readerOf(local).pictures) drawPictures(stage, shown, centres, last?.pictured ?? []);
  let homes = local.get(NAMES) as Map<number, Box> | undefined;
  if (homes === undefined) local.set(NAMES, (homes = new Map()));
  nameClasses(stage, shown, centres, coloured(layer, readerOf(local).picked), homes);
  if (shown.px.some(Number.isFinite)) drawScaleBar(stage, equal.perUnit, box.bottom);
  else sayNothing(stage, n);
  ctx.restore();

  stage.beyond += outside.beyond.length;
  // Where the items are, not where they are seen on their way there: the numbers read back are those that came.
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "data",
    color: stage.tokens.ink,
    px: trueX,
    py: trueY,
    ordered: false,
    readable: false,
  });
}

function inset(box: Box, by: number): Box {
  return { left: box.left + by, top: box.top + by, right: box.right - by, bottom: box.bottom - by };
}

/** Items beyond the frame come to stand on its edge. */
function clampInto(x: Float64Array, y: Float64Array, box: Box): { x: Float64Array; y: Float64Array; beyond: number[] } {
  const beyond: number[] = [];
  const cx = x.slice();
  const cy = y.slice();
  // What lies on the edge itself is not beyond it, whatever the last digit says.
  const most = 1e-6 * (box.right - box.left + box.bottom - box.top);
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i]!) || Number.isNaN(y[i]!)) {
      cx[i] = NaN;
      cy[i] = NaN;
      continue;
    }
    cx[i] = Math.min(box.right, Math.max(box.left, x[i]!));
    cy[i] = Math.min(box.bottom, Math.max(box.top, y[i]!));
    if (Math.abs(cx[i]! - x[i]!) > most || Math.abs(cy[i]! - y[i]!) > most) beyond.push(i);
  }
  return { x: cx, y: cy, beyond };
}

/** Where everything is now: at rest, or part of the way from where it was. */
function settle(
  stage: Stage,
  last: Shown | null,
  layer: CloudLayer,
  frame: Box,
  toX: Float64Array,
  toY: Float64Array,
  radius: number,
): Shown {
  const reader = readerOf(stage.local);
  const now = performance.now();
  const marks = marksOf(layer, reader.picked, stage.tokens);
  const atRest: Shown = {
    layer,
    frame,
    px: toX,
    py: toY,
    toX,
    toY,
    fromX: toX,
    fromY: toY,
    began: 0,
    moving: false,
    marks,
    radius,
    pictured: [],
    drawn: "canvas",
  };
  const same =
    last !== null && last.toX.length === toX.length && last.layer.key === layer.key && sameBox(last.frame, frame);
  if (!reader.moves || !same || toX.length > MOST_MOVING) return atRest;
  const setOff = differs(toX, last.toX) || differs(toY, last.toY);
  if (!setOff && !last.moving) return atRest;
  const way = setOff
    ? { fromX: last.px, fromY: last.py, began: now }
    : { fromX: last.fromX, fromY: last.fromY, began: last.began };
  const part = eased(now - way.began);
  if (now - way.began >= MOVE_MS) return atRest;
  return { ...atRest, ...way, moving: true, px: between(way.fromX, toX, part), py: between(way.fromY, toY, part) };
}

function sameBox(a: Box, b: Box): boolean {
  return a.left === b.left && a.top === b.top && a.right === b.right && a.bottom === b.bottom;
}

function drawLinks(stage: Stage, shown: Shown): void {
  const links = linksOf(shown.layer);
  if (links.length > MOST_LINKS) return;
  const { ctx, tokens } = stage;
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ghost;
  ctx.globalAlpha = links.length > 150 ? 0.35 : 0.6;
  ctx.lineWidth = 0.75;
  ctx.beginPath();
  for (const [a, b] of links) {
    if (!Number.isFinite(shown.px[a]) || !Number.isFinite(shown.px[b])) continue;
    ctx.moveTo(shown.px[a]!, shown.py[a]!);
    ctx.lineTo(shown.px[b]!, shown.py[b]!);
    if (links.length <= 150) stage.ink.segment(shown.toX[a]!, shown.toY[a]!, shown.toX[b]!, shown.toY[b]!, HAIRLINE);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

const stamps = new Map<string, Stamps>();

/** The stamps for these marks; made anew for another theme, size or screen. */
function stampsFor(marks: readonly Mark[], radius: number, ratio: number): Stamps {
  const name = `${radius}|${ratio}|${marks.map((m) => m.shape + m.color).join()}`;
  let found = stamps.get(name);
  if (found === undefined) {
    if (stamps.size > 12) stamps.clear();
    found = new Stamps(marks, radius, ratio, OPACITY);
    stamps.set(name, found);
  }
  return found;
}

function drawMarks(stage: Stage, shown: Shown, beyond: readonly number[]): void {
  const { ctx, ratio, tokens } = stage;
  const { layer, px, py, radius } = shown;
  // Many classes share few marks: all that are grey are one.
  const marks: Mark[] = [];
  const index = shown.marks.map((mark) => {
    const known = marks.findIndex((other) => other.shape === mark.shape && other.color === mark.color);
    return known >= 0 ? known : marks.push(mark) - 1;
  });
  const which = Int16Array.from(px, (x, i) => {
    const kind = kindOf(layer, i);
    return Number.isFinite(x) ? index[kind < 0 ? layer.kinds.length : kind]! : -1;
  });
  const markOf = which.slice();
  for (const i of beyond) which[i] = -1;
  const canvas = ctx.canvas;
  const all = { x: px, y: py, mark: which, marks, radius, opacity: OPACITY };
  if (px.length >= GL_FROM && painter().draw(ctx, canvas.width / ratio, canvas.height / ratio, ratio, all)) {
    shown.drawn = "webgl";
  } else {
    const set = stampsFor(marks, radius, ratio);
    for (let i = 0; i < px.length; i++) if (which[i]! >= 0) set.put(ctx, which[i]!, px[i]!, py[i]!);
  }
  // Beyond the frame: on its edge and hollow, so that it is not taken for a place on the map.
  ctx.setLineDash([]);
  ctx.lineWidth = 1.25;
  ctx.fillStyle = tokens.ground;
  for (const i of beyond) {
    const mark = marks[markOf[i]!];
    if (mark === undefined) continue;
    outline(ctx, mark.shape, px[i]!, py[i]!, radius);
    ctx.strokeStyle = mark.color;
    ctx.fill();
    ctx.stroke();
  }
}

function sayNothing(stage: Stage, items: number): void {
  const text = items === 0 ? "No items." : `None of ${items} items has a place: their coordinates are not finite.`;
  const width = stage.measure(text);
  const { box, tokens } = stage;
  const left = Math.max(box.left, (box.left + box.right - width) / 2);
  const place = { left, top: (box.top + box.bottom - LINE) / 2, cost: 0 };
  stage.words.push({
    id: `${stage.key}/nothing`,
    text,
    color: tokens.second,
    bold: false,
    width,
    height: LINE,
    places: [place],
    rank: 90,
    tie: null,
  });
}
