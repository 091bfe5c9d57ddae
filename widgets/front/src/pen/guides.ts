/* What data are read against: reference lines, control changes, and words at a place. */

import type { Place } from "../labels.ts";
import type { LabelLayer, MarkLayer, RuleLayer } from "../spec.ts";
import { DASHES, wordColor } from "../theme.ts";
import { around, crisp, HAIRLINE, LINE, named, type Pen } from "./stage.ts";

export const drawRule: Pen<RuleLayer> = (stage, layer, index) => {
  const { ctx, box, tokens } = stage;
  const exact = stage.y.to(layer.y);
  if (!Number.isFinite(exact)) return;
  const beyond = exact < box.top - 0.5 || exact > box.bottom + 0.5;
  if (!beyond) {
    const y = crisp(exact, stage.ratio);
    ctx.save();
    ctx.strokeStyle = tokens.reference;
    ctx.lineWidth = layer.dash === "floor" ? 1.5 : 1.25;
    ctx.lineCap = layer.dash === "floor" ? "round" : "butt";
    ctx.setLineDash(DASHES[layer.dash] as number[]);
    ctx.beginPath();
    ctx.moveTo(box.left, y);
    ctx.lineTo(box.right, y);
    ctx.stroke();
    ctx.restore();
    stage.ink.segment(box.left, y, box.right, y);
  } else {
    stage.beyond += 1;
  }
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "reference",
    color: tokens.reference,
    px: Float64Array.of(box.left, box.right),
    py: Float64Array.of(exact, exact),
    ordered: true,
    readable: true,
  });
  if (layer.label === "") return;
  const width = stage.measure(layer.label);
  const y = Math.min(box.bottom, Math.max(box.top, exact));
  const places: Place[] = [];
  for (let k = 0; k <= 10; k++) {
    const shift = ((box.right - box.left - width) * k) / 10;
    const left = layer.side === "right" ? box.right - width - shift : box.left + 6 + shift;
    const above: Place = { left, top: y - LINE - 2, cost: k * 0.8 + (layer.below ? 2 : 0) };
    const below: Place = { left, top: y + 3, cost: k * 0.8 + (layer.below ? 0 : 2) };
    places.push(above, below);
  }
  places.sort((a, b) => a.cost - b.cost);
  stage.words.push({
    id: `${stage.key}/rule/${layer.key}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width,
    height: LINE,
    places,
    rank: 80 - index / 10,
    tie: null,
  });
};

export const drawMark: Pen<MarkLayer> = (stage, layer, index) => {
  const { ctx, box, tokens } = stage;
  const exact = stage.x.to(layer.x);
  if (!Number.isFinite(exact)) return;
  if (exact < box.left - 0.5 || exact > box.right + 0.5) {
    stage.beyond += 1;
    return;
  }
  const x = crisp(exact, stage.ratio);
  const trouble = layer.kind === "trouble";
  ctx.save();
  if (!trouble) {
    ctx.setLineDash([]);
    ctx.strokeStyle = tokens.rule;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, box.top);
    ctx.lineTo(x, box.bottom);
    ctx.stroke();
  } else {
    ctx.fillStyle = tokens.warning;
    ctx.beginPath();
    ctx.moveTo(x, box.bottom - 8);
    ctx.lineTo(x + 5, box.bottom);
    ctx.lineTo(x - 5, box.bottom);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
  if (trouble) stage.ink.disc(x, box.bottom - 4, 5);
  else stage.ink.segment(x, box.top, x, box.bottom, HAIRLINE);
  stage.traces.push({
    key: `mark/${layer.x}`,
    name: layer.label,
    role: "reference",
    color: tokens.rule,
    px: Float64Array.of(exact, exact),
    py: Float64Array.of(box.top, box.bottom),
    ordered: true,
    readable: false,
  });
  if (layer.label === "") return;
  const width = stage.measure(layer.label);
  const places: Place[] = [];
  const late = layer.label_y === null ? exact - box.left > 0.66 * (box.right - box.left) : layer.anchor === "end";
  if (layer.label_y !== null) {
    const top = stage.y.to(layer.label_y) - LINE / 2;
    places.push({ left: late ? x - 5 - width : x + 5, top, cost: -1 });
  }
  for (let k = 0; k < 8; k++) {
    const top = box.top + 6 + k * (LINE + 3);
    if (top + LINE > box.bottom) break;
    places.push({ left: x + 5, top, cost: k + (late ? 1.5 : 0) });
    places.push({ left: x - 5 - width, top, cost: k + (late ? 0 : 1.5) });
  }
  stage.words.push({
    id: `${stage.key}/mark/${layer.x}/${index}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width,
    height: LINE,
    places: places.sort((a, b) => a.cost - b.cost),
    rank: 65 - index / 10,
    tie: null,
  });
};

export const drawLabel: Pen<LabelLayer> = (stage, layer, index) => {
  const x = stage.x.to(layer.x);
  const y = stage.y.to(layer.y);
  if (!Number.isFinite(x) || !Number.isFinite(y) || layer.text === "") return;
  const width = stage.measure(layer.text, layer.bold);
  const left = layer.anchor === "start" ? x : layer.anchor === "end" ? x - width : x - width / 2;
  const places: Place[] = [{ left, top: y - LINE / 2, cost: 0 }];
  for (const near of around(x, y, width, 7, layer.anchor)) places.push({ ...near, cost: near.cost + 1 });
  stage.words.push({
    id: `${stage.key}/label/${index}`,
    text: layer.text,
    color: wordColor(layer.color, stage.tokens),
    bold: layer.bold,
    width,
    height: LINE,
    places,
    rank: (layer.bold ? 75 : 70) - index / 10,
    tie: null,
  });
};
