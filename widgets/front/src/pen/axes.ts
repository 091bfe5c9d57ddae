/* The frame of a plot: axis lines, ticks, their numbers, and what the axes measure. No grid lines. */

import { tick as plain } from "../format.ts";
import type { Box } from "../labels.ts";
import type { Axis, Plot } from "../spec.ts";
import { layTicks } from "../ticks.ts";
import { crisp, font, letters, SMALL, type Stage } from "./stage.ts";

/** Room over a plot for what its y axis measures, and between two plots that say nothing there. */
const NAME_ROW = 17;
export const BARE_ROW = 9;
const TICK_ROW = 18;
const X_NAME_ROW = 13;
const HIDDEN_X_ROW = 3;
/** The x axis stands a little under the data, so that a curve at the low end stays visible. */
const AXIS_DROP = 3;
const LEAST_GUTTER = 24;
const RIGHT = 5;

export function tickLabels(axis: Axis): string[] {
  return axis.tick_labels ?? axis.ticks.map(plain);
}


function hasRidge(plot: Plot): boolean {
  return plot.layers.some((layer) => layer.type === "ridge");
}

/** Where each plot of a panel lies. All share one left edge, so that equal x axes align. */
export function layPlots(plots: readonly Plot[], width: number, height: number, measure: (text: string) => number): Box[] {
  let gutter = LEAST_GUTTER;
  for (const plot of plots) {
    if (plot.bare) continue;
    for (const label of tickLabels(plot.y)) gutter = Math.max(gutter, Math.ceil(measure(label)) + 9);
  }
  const rows = plots.map((plot) => ({
    top: plot.bare ? 0 : plot.y.name === "" ? BARE_ROW : NAME_ROW,
    bottom: plot.bare ? 0 : plot.show_x ? TICK_ROW + AXIS_DROP + (plot.x.name === "" ? 0 : X_NAME_ROW) : HIDDEN_X_ROW,
  }));
  const free = Math.max(20, height - rows.reduce((sum, row) => sum + row.top + row.bottom, 0));
  const shares = plots.reduce((sum, plot) => sum + plot.share, 0) || 1;
  let y = 0;
  return plots.map((plot, i) => {
    const row = rows[i]!;
    const top = y + row.top;
    const bottom = top + (free * plot.share) / shares;
    y = bottom + row.bottom;
    return plot.bare ? { left: 0, top, right: width, bottom } : { left: gutter, top, right: width - RIGHT, bottom };
  });
}

export function drawAxes(stage: Stage, plot: Plot): void {
  if (plot.bare) return;
  const { ctx, tokens } = stage;
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineWidth = 1;
  ctx.font = font(tokens);
  ctx.fillStyle = tokens.second;
  drawY(stage, plot);
  drawX(stage, plot);
  ctx.restore();
}

function strokeLine(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function drawY(stage: Stage, plot: Plot): void {
  const { ctx, box, tokens, ratio } = stage;
  if (plot.y.name !== "") {
    letters(ctx, plot.y.name, 0, box.top - 7, ratio);
  }
  // Rows of a ridge have a base line each, which is axis enough; an unnamed row has an empty label.
  const rows = hasRidge(plot);
  const x = crisp(box.left, ratio);
  ctx.strokeStyle = tokens.rule;
  if (!rows) strokeLine(ctx, x, box.top, x, box.bottom);
  const labels = tickLabels(plot.y);
  const named = plot.y.ticks.map((value, i) => ({ at: stage.y.to(value), label: labels[i] ?? "" })).filter((t) => t.label !== "");
  const places = named.map((t) => t.at);
  for (const spot of layTicks(places, places.map(() => SMALL), box.top - 7, box.bottom + 7, 1)) {
    const y = crisp(spot.at, ratio);
    if (!rows) strokeLine(ctx, x - 3, y, x, y);
    const { label } = named[spot.index]!;
    letters(ctx, label, box.left - 6 - stage.measure(label), spot.from + SMALL - 1.5, ratio);
  }
  if (!rows && plot.y.scale === "linear" && plot.y.low < 0 && plot.y.high > 0) {
    // Nought is where a sum changes sign; it is an axis, not a grid line.
    const zero = crisp(stage.y.to(0), ratio);
    ctx.strokeStyle = tokens.hairline;
    strokeLine(ctx, box.left, zero, box.right, zero);
  }
}

function drawX(stage: Stage, plot: Plot): void {
  const { ctx, box, tokens, ratio } = stage;
  const y = crisp(box.bottom + (plot.show_x ? AXIS_DROP : 0), ratio);
  ctx.strokeStyle = tokens.rule;
  // Without numbers the line only says where nought is; a plot that crosses nought has a line for that.
  if (plot.show_x || plot.y.low >= 0) strokeLine(ctx, box.left, y, box.right, y);
  if (!plot.show_x) return;
  const labels = tickLabels(plot.x);
  const places = plot.x.ticks.map((value) => stage.x.to(value));
  const sizes = labels.map((label) => stage.measure(label));
  for (const spot of layTicks(places, sizes, box.left - 8, box.right + RIGHT, 8)) {
    const x = crisp(spot.at, ratio);
    strokeLine(ctx, x, y, x, y + 3);
    letters(ctx, labels[spot.index] ?? "", spot.from, y + 14, ratio);
  }
  if (plot.x.name !== "") {
    const width = stage.measure(plot.x.name);
    const middle = (box.left + box.right) / 2;
    const left = Math.min(box.right + RIGHT - width, Math.max(0, middle - width / 2));
    letters(ctx, plot.x.name, left, y + 27, ratio);
  }
}
