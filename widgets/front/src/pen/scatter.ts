/* Dots coloured by a step, a ring around the newest, and a key that gives both ends of the colours. */

import { count, number } from "../format.ts";
import type { Box, Place } from "../labels.ts";
import { at, type PointsLayer } from "../spec.ts";
import { viridis } from "../theme.ts";
import { around, font, letters, LINE, named, type Pen, type Stage } from "./stage.ts";

const KEY_BAR = 72;

function ends(layer: PointsLayer): [string, string] {
  const whole = layer.value_name.startsWith("step");
  const say = (v: number): string => (whole ? count(v) : number(v));
  return [`${layer.value_name} ${say(layer.value_low)}`.trim(), say(layer.value_high)];
}

export const drawPoints: Pen<PointsLayer> = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const n = Math.min(layer.x.length, layer.y.length, layer.value.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  const value = new Float64Array(n);
  let last = -1;
  ctx.save();
  ctx.setLineDash([]);
  for (let i = 0; i < n; i++) {
    const x = stage.x.to(at(layer.x, i));
    const y = stage.y.to(at(layer.y, i));
    px[i] = x;
    py[i] = y;
    value[i] = at(layer.value, i);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    last = i;
    const shownX = Math.min(box.right, Math.max(box.left, x));
    const shownY = Math.min(box.bottom, Math.max(box.top, y));
    const outside = shownX !== x || shownY !== y;
    const color = viridis((value[i]! - layer.value_low) / (layer.value_high - layer.value_low || 1), tokens.dark);
    ctx.beginPath();
    ctx.arc(shownX, shownY, layer.radius, 0, 2 * Math.PI);
    if (outside) {
      // Beyond the frame: on its edge and hollow, so that it is not taken for a value there.
      stage.beyond += 1;
      ctx.fillStyle = tokens.ground;
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.5;
      ctx.fill();
      ctx.stroke();
    } else {
      ctx.fillStyle = color;
      ctx.fill();
      // The light end of the colours is pale on a white ground; a fine rim keeps every dot visible.
      ctx.globalAlpha = 0.55;
      ctx.strokeStyle = tokens.second;
      ctx.lineWidth = 0.75;
      ctx.stroke();
      ctx.globalAlpha = 1;
    }
    stage.ink.disc(shownX, shownY, layer.radius + 1);
  }
  ctx.restore();
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "dots",
    color: tokens.ink,
    px,
    py,
    value,
    valueName: layer.value_name,
    ordered: false,
    readable: true,
  });
  if (layer.ring_last && last >= 0) ringNow(stage, layer, px[last]!, py[last]!);
  addKey(stage, layer);
};

function ringNow(stage: Stage, layer: PointsLayer, x: number, y: number): void {
  const { ctx, tokens, box } = stage;
  const cx = Math.min(box.right, Math.max(box.left, x));
  const cy = Math.min(box.bottom, Math.max(box.top, y));
  ctx.beginPath();
  ctx.arc(cx, cy, 5.5, 0, 2 * Math.PI);
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1.75;
  ctx.setLineDash([]);
  ctx.stroke();
  stage.ink.disc(cx, cy, 7);
  const width = stage.measure("now", true);
  stage.words.push({
    id: `${stage.key}/now`,
    text: "now",
    color: tokens.ink,
    bold: true,
    width,
    height: LINE,
    places: [
      {
        left: layer.now_side === "left" ? cx - 9 - width : cx + 9,
        top: layer.now_below ? cy + 2 : cy - 2 - LINE,
        cost: 0,
      },
      ...around(cx, cy, width, 10, layer.now_side === "left" ? "end" : "start").map((p) => ({ ...p, cost: p.cost + 1 })),
    ],
    rank: 90,
    tie: { x: cx, y: cy },
  });
}

function addKey(stage: Stage, layer: PointsLayer): void {
  const { box, tokens } = stage;
  const [low, high] = ends(layer);
  const lowWidth = stage.measure(low);
  const width = lowWidth + 5 + KEY_BAR + 5 + stage.measure(high);
  const corner = (right: boolean, top: boolean, cost: number): Place => ({
    left: right ? box.right - width : box.left + 8,
    top: top ? box.top + 4 : box.bottom - LINE - 6,
    cost,
  });
  const asked: Place[] = [];
  if (layer.key_at !== null) {
    const [x, y] = layer.key_at;
    asked.push({ left: stage.x.to(x) - width, top: stage.y.to(y) - LINE / 2, cost: -1 });
  }
  stage.words.push({
    id: `${stage.key}/key`,
    text: `${low} to ${high}`,
    color: tokens.second,
    bold: false,
    width,
    height: LINE,
    places: [...asked, corner(true, true, 0), corner(true, false, 3), corner(false, true, 5), corner(false, false, 6)],
    rank: 20,
    tie: null,
    paint: (ctx, at_: Box) => {
      ctx.font = font(tokens);
      ctx.fillStyle = tokens.second;
      letters(ctx, low, at_.left, at_.bottom - 3, stage.ratio);
      letters(ctx, high, at_.right - stage.measure(high), at_.bottom - 3, stage.ratio);
      const left = at_.left + lowWidth + 5;
      for (let i = 0; i < KEY_BAR; i++) {
        ctx.fillStyle = viridis(i / (KEY_BAR - 1), tokens.dark);
        ctx.fillRect(left + i, at_.top + 3, 1.5, 7);
      }
    },
  });
}
