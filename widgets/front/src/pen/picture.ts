/* Draws one panel's plots on a canvas, and keeps what was really drawn.
 *
 * Why no charting library: the words on a plot are placed around the pixels of its lines, several plots
 * share one canvas and one left edge, a trajectory and a ridge are no functions of x, and a test reads
 * back the very path that was stroked. A library that owns layout and drawing would have to be worked
 * around at each of these, at several times the size of the pens here. */

import { Ink, place, type Box, type Memory, type Request } from "../labels.ts";
import { scale } from "../scale.ts";
import type { Asset } from "../assets.ts";
import type { Layer, Panel, Plot } from "../spec.ts";
import type { Tokens } from "../theme.ts";
import { BARE_ROW, drawAxes, layPlots } from "./axes.ts";
import { drawBars } from "./bars.ts";
import { drawCloud } from "./cloud.ts";
import { drawGallery } from "./gallery.ts";
import { drawLabel, drawMark, drawRule } from "./guides.ts";
import { drawHeat } from "./heat.ts";
import { drawLine } from "./line.ts";
import { drawMaps } from "./maps.ts";
import { drawBracket, drawSpan } from "./measures.ts";
import { drawRidge } from "./ridge.ts";
import { drawPoints } from "./scatter.ts";
import { drawWeights } from "./weights.ts";
import { font, letters, type Local, type Pen, type Stage, type Words } from "./stage.ts";

export interface Written {
  text: string;
  box: Box;
  clear: boolean;
}

export interface Picture {
  stages: Stage[];
  plots: Plot[];
  words: Written[];
  beyond: number;
}

type Kind = Layer["type"];
const PENS: { [K in Kind]: Pen<Extract<Layer, { type: K }>> } = {
  line: drawLine,
  rule: drawRule,
  mark: drawMark,
  points: drawPoints,
  span: drawSpan,
  bracket: drawBracket,
  label: drawLabel,
  ridge: drawRidge,
  heat: drawHeat,
  cloud: drawCloud,
  maps: drawMaps,
  bars: drawBars,
  gallery: drawGallery,
  weights: drawWeights,
};

export interface Paper {
  ctx: CanvasRenderingContext2D;
  width: number;
  height: number;
  ratio: number;
  tokens: Tokens;
  /** Where words stood before; emptied when the size changes. */
  memory: Memory;
  /** What the reader chose in this panel: kept by its tools, read by its pens. */
  local: Local;
  /** A sheet of pictures by name; null until it has come. */
  asset: (name: string) => Asset | null;
}

const widths = new Map<string, number>();

function measurer(ctx: CanvasRenderingContext2D, tokens: Tokens): (text: string, bold?: boolean) => number {
  return (text, bold = false) => {
    const name = `${font(tokens, bold)}|${text}`;
    let width = widths.get(name);
    if (width === undefined) {
      ctx.font = font(tokens, bold);
      width = ctx.measureText(text).width;
      // Numbers change with every step; a memory of all of them would grow without end.
      if (widths.size > 4000) widths.clear();
      widths.set(name, width);
    }
    return width;
  };
}

function draw(stage: Stage, layer: Layer, index: number): void {
  const pen = PENS[layer.type] as Pen<Layer> | undefined;
  if (pen === undefined) {
    const cure = "Restart the kernel and reload the page, so that both sides are of one version";
    throw new Error(`it holds a layer of kind "${layer.type}", which this cockpit cannot draw. ${cure}`);
  }
  pen(stage, layer, index);
}

export function drawPicture(paper: Paper, panel: Panel): Picture {
  const { ctx, width, height, ratio, tokens } = paper;
  const measure = measurer(ctx, tokens);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.textBaseline = "alphabetic";
  const boxes = layPlots(panel.plots, width, height, measure);
  const picture: Picture = { stages: [], plots: panel.plots, words: [], beyond: 0 };
  panel.plots.forEach((plot, i) => {
    const box = boxes[i]!;
    const stage: Stage = {
      ctx,
      key: plot.key,
      box,
      x: scale(plot.x.low, plot.x.high, box.left, box.right, plot.x.scale === "log"),
      y: scale(plot.y.low, plot.y.high, box.bottom, box.top, plot.y.scale === "log"),
      xAxis: plot.x,
      yAxis: plot.y,
      layers: plot.layers,
      tokens,
      ratio,
      ink: new Ink(box),
      words: [],
      traces: [],
      rows: [],
      beyond: 0,
      measure,
      local: paper.local,
      asset: paper.asset,
    };
    drawAxes(stage, plot);
    plot.layers.forEach((layer, k) => draw(stage, layer, k));
    picture.words.push(...writeWords(stage, paper.memory));
    picture.stages.push(stage);
    picture.beyond += stage.beyond;
  });
  return picture;
}

function writeWords(stage: Stage, memory: Memory): Written[] {
  const { box } = stage;
  // Where nothing is said over a plot, its own words may use the room.
  const over = stage.yAxis.name === "" ? BARE_ROW - 1 : 0;
  const bounds: Box = { left: box.left + 3, top: box.top - over, right: box.right, bottom: box.bottom };
  const byId = new Map<string, Words>();
  const requests: Request[] = [];
  for (const words of stage.words) {
    byId.set(words.id, words);
    requests.push(words);
  }
  const written: Written[] = [];
  for (const { id, box: at, clear } of place(requests, bounds, stage.ink, memory)) {
    const words = byId.get(id)!;
    const home = words.places[0]!;
    if (words.optional === true && (!clear || Math.hypot(at.left - home.left, at.top - home.top) > FAR)) continue;
    if (words.tie !== null) tie(stage, words.tie, at);
    if (words.paint !== undefined) words.paint(stage.ctx, at);
    else write(stage, words, at);
    written.push({ text: words.text, box: at, clear });
  }
  return written;
}

function write(stage: Stage, words: Words, at: Box): void {
  const { ctx, tokens } = stage;
  ctx.font = font(tokens, words.bold);
  ctx.lineJoin = "round";
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ground;
  ctx.lineWidth = 3;
  ctx.fillStyle = words.color;
  letters(ctx, words.text, at.left, at.bottom - 3, stage.ratio, true);
}

const FAR = 18;

function tie(stage: Stage, from: { x: number; y: number }, at: Box): void {
  const x = Math.min(at.right, Math.max(at.left, from.x));
  const y = Math.min(at.bottom, Math.max(at.top, from.y));
  if (Math.hypot(x - from.x, y - from.y) < FAR) return;
  const { ctx, tokens } = stage;
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ghost;
  ctx.lineWidth = 0.75;
  ctx.beginPath();
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(x, y);
  ctx.stroke();
}

export type Series = Record<string, { x: (number | null)[]; y: (number | null)[] }>;

/** Data read back from the drawing: pixels turned into values again by the axes they were drawn on; null is a gap. */
export function readBack(picture: Picture): Series {
  const series: Series = {};
  const value = (v: number): number | null => (Number.isFinite(v) ? v : null);
  for (const stage of picture.stages) {
    for (const trace of stage.traces) {
      series[`${stage.key}/${trace.key}`] = {
        x: Array.from(trace.px, (p) => value(stage.x.from(p))),
        y: Array.from(trace.py, (p) => value(stage.y.from(p))),
      };
    }
  }
  return series;
}
