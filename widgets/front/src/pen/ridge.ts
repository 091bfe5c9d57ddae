/* Densities through time: a row a step, newest on top; rows overlap a little, as hills behind hills do. */

import { at, rowsOf, type Numbers, type RidgeLayer } from "../spec.ts";
import { crisp, type Pen, type Stage } from "./stage.ts";

/* Below this share of the peak a density is not drawn: a flat line at nought would only be clutter. */
const VISIBLE = 0.004;

interface Curve {
  px: Float64Array;
  py: Float64Array;
}

function curve(stage: Stage, x: Numbers, density: Numbers, base: number, rise: number, peak: number): Curve {
  const n = Math.min(x.length, density.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    px[i] = stage.x.to(at(x, i));
    py[i] = base - (at(density, i) / peak) * rise;
  }
  return { px, py };
}

/* From the first to the last place where something is seen; null where nothing is. */
function seen(path: Curve, base: number, rise: number): [number, number] | null {
  let from = 0;
  let to = path.py.length - 1;
  const above = (i: number): boolean => base - path.py[i]! > VISIBLE * rise;
  while (from < to && !above(from)) from += 1;
  while (to > from && !above(to)) to -= 1;
  if (!above(from)) return null;
  return [Math.max(0, from - 1), Math.min(path.py.length - 1, to + 1)];
}

function outline(ctx: CanvasRenderingContext2D, path: Curve, [from, to]: [number, number], top: number): void {
  for (let i = from; i <= to; i++) {
    const y = Math.max(top, path.py[i]!);
    if (i === from) ctx.moveTo(path.px[i]!, y);
    else ctx.lineTo(path.px[i]!, y);
  }
}

export const drawRidge: Pen<RidgeLayer> = (stage, layer) => {
  const { ctx, box, tokens, ratio } = stage;
  const positive = rowsOf(layer.positive);
  const negative = rowsOf(layer.negative);
  const n = layer.steps.length;
  if (n === 0) return;
  const rise = stage.y.to(0) - stage.y.to(layer.overlap);
  const peak = layer.peak > 0 ? layer.peak : 1;
  ctx.save();
  for (let r = 0; r < n; r++) {
    const base = stage.y.to(n - 1 - r);
    const line = crisp(base, ratio);
    stage.rows.push({ step: layer.steps[r]!, base });
    ctx.setLineDash([]);
    ctx.strokeStyle = tokens.hairline;
    ctx.lineWidth = 0.75;
    ctx.beginPath();
    ctx.moveTo(box.left, line);
    ctx.lineTo(box.right, line);
    ctx.stroke();
    const pair = [
      { rows: negative, color: tokens.negative, dash: [4, 2], name: "negative" },
      { rows: positive, color: tokens.positive, dash: [], name: "positive" },
    ];
    for (const { rows, color, dash, name } of pair) {
      const density = rows[r];
      if (density === undefined) continue;
      const path = curve(stage, layer.x, density, base, rise, peak);
      const part = seen(path, base, rise);
      if (part === null) continue;
      const ceiling = base - rise;
      ctx.beginPath();
      outline(ctx, path, part, ceiling);
      ctx.lineTo(path.px[part[1]]!, base);
      ctx.lineTo(path.px[part[0]]!, base);
      ctx.closePath();
      ctx.fillStyle = tokens.ground;
      ctx.globalAlpha = 0.62;
      ctx.fill();
      ctx.fillStyle = color;
      ctx.globalAlpha = 0.2;
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.beginPath();
      outline(ctx, path, part, ceiling);
      ctx.strokeStyle = color;
      ctx.lineWidth = 1;
      ctx.setLineDash(dash);
      ctx.stroke();
      for (let i = part[0] + 1; i <= part[1]; i++) {
        stage.ink.segment(path.px[i - 1]!, path.py[i - 1]!, path.px[i]!, path.py[i]!);
      }
      stage.traces.push({
        key: `${layer.key}/${name}/${layer.steps[r]}`,
        name,
        role: "data",
        color,
        px: path.px,
        py: path.py,
        ordered: true,
        readable: false,
      });
    }
  }
  ctx.restore();
};
