/* Lengths drawn beside data: a whisker across, a bracket upright, each with its words. */

import type { BracketLayer, SpanLayer } from "../spec.ts";
import { crisp, LINE, named, type Pen, type Stage } from "./stage.ts";

/* The height of a whisker means nothing, so it may move to where it and its words cross no curve. */
function freeHeight(stage: Stage, layer: SpanLayer, left: number, right: number, width: number): number {
  const { box } = stage;
  const wanted = stage.y.to(layer.y);
  const half = LINE / 2 + 1;
  const free = (y: number): boolean =>
    [left - 6 - width, left - 4].some((from) => {
      const to = from === left - 4 ? right + 6 + width : right + 4;
      if (from < box.left || to > box.right) return false;
      return stage.ink.under({ left: from, right: to, top: y - half, bottom: y + half }) === 0;
    });
  let best = wanted;
  let least = Infinity;
  for (let y = box.top + half; y <= box.bottom - half; y += 3) {
    const away = Math.abs(y - wanted);
    if (away < least && free(y)) {
      best = y;
      least = away;
    }
  }
  return free(wanted) ? wanted : best;
}

export const drawSpan: Pen<SpanLayer> = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const left = Math.max(box.left, stage.x.to(layer.low));
  const right = Math.min(box.right, stage.x.to(layer.high));
  const mid = stage.x.to(layer.mid);
  const width = stage.measure(layer.label);
  const y = crisp(freeHeight(stage, layer, left, right, width), stage.ratio);
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.reference;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(right, y);
  ctx.stroke();
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(mid, y - 3.5);
  ctx.lineTo(mid, y + 3.5);
  ctx.stroke();
  ctx.restore();
  stage.ink.segment(left, y, right, y);
  stage.ink.segment(mid, y - 4, mid, y + 4);
  stage.traces.push({
    key: layer.key,
    name: layer.label,
    role: "reference",
    color: tokens.reference,
    px: Float64Array.of(stage.x.to(layer.low), mid, stage.x.to(layer.high)),
    py: Float64Array.of(y, y, y),
    ordered: true,
    readable: false,
  });
  if (layer.label === "") return;
  stage.words.push({
    id: `${stage.key}/span/${layer.key}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width,
    height: LINE,
    places: [
      { left: left - 6 - width, top: y - LINE / 2, cost: layer.side === "left" ? 0 : 1 },
      { left: right + 6, top: y - LINE / 2, cost: layer.side === "right" ? 0 : 1 },
      { left: mid - width / 2, top: y - LINE - 5, cost: 2 },
      { left: mid - width / 2, top: y + 6, cost: 2.5 },
    ].sort((a, b) => a.cost - b.cost),
    rank: 72,
    tie: null,
  });
};

export const drawBracket: Pen<BracketLayer> = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const exact = stage.x.to(layer.x);
  const low = stage.y.to(layer.low);
  const high = stage.y.to(layer.high);
  if (!Number.isFinite(exact) || !Number.isFinite(low) || !Number.isFinite(high)) return;
  const x = crisp(exact, stage.ratio);
  const inside = (y: number): number => Math.min(box.bottom, Math.max(box.top, y));
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x, inside(low));
  ctx.lineTo(x, inside(high));
  ctx.moveTo(x - 3, inside(low));
  ctx.lineTo(x + 3, inside(low));
  ctx.stroke();
  ctx.restore();
  stage.ink.segment(x, inside(low), x, inside(high));
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "reference",
    color: tokens.ink,
    px: Float64Array.of(exact, exact),
    py: Float64Array.of(low, high),
    ordered: true,
    readable: false,
  });
  if (layer.label === "") return;
  const width = stage.measure(layer.label, true);
  const asked = layer.label_y == null ? NaN : stage.y.to(layer.label_y);
  const middle = (Number.isFinite(asked) ? asked : (inside(low) + inside(high)) / 2) - LINE / 2;
  stage.words.push({
    id: `${stage.key}/bracket/${layer.key}`,
    text: layer.label,
    color: tokens.ink,
    bold: true,
    width,
    height: LINE,
    places: [
      { left: x - 6 - width, top: middle, cost: 0 },
      { left: x + 6, top: middle, cost: 1 },
      { left: x - 6 - width, top: Math.max(low, high) - LINE - 3, cost: 2 },
      { left: x - 6 - width, top: Math.min(low, high) + 3, cost: 2 },
    ],
    rank: 78,
    tie: null,
    optional: true,
  });
};
