/* Bars of probes: h dark, z lighter, and ticks for what they have to beat. y counts px from the top at the usual
 * height, so the picture keeps its proportions when the panel is taller. */

import type { BarsLayer } from "../layers/bars.ts";
import { crisp, font, letters, SMALL, type Pen, type Stage } from "./stage.ts";

/** Twins of `draw/bars.py`: where the rows begin, what the axis takes, how far apart rows are at most. */
const HEAD = 37;
const AXIS = 20;
const LINE = 14;
const MOST_PITCH = 36;
const TWO_LINES = 24;
const LIGHT = 0.42;

export interface RowPlace {
  /** Tops of the two bars, and how high one is. */
  h: number;
  z: number;
  bar: number;
  /** Ends of the ticks. */
  from: number;
  to: number;
}

/** Where the rows stand in a plot `tall` px high, under so many lines of words. */
export function rowPlaces(count: number, tall: number, lines = 1): RowPlace[] {
  const head = HEAD + LINE * (lines - 1);
  const pitch = Math.min(MOST_PITCH, (tall - head - AXIS) / Math.max(1, count));
  const bar = Math.min(9, Math.max(3, (pitch - 8) / 2));
  // Where rows are low, ticks are no longer than the bars, or those of two rows would be one.
  const beyond = Math.min(4, Math.max(1, (pitch - 2 * bar - 1) / 2));
  return Array.from({ length: count }, (_, i) => {
    const h = head + i * pitch + beyond;
    return { h, z: h + bar + 1, bar, from: h - beyond, to: h + 2 * bar + beyond };
  });
}

const known = (value: number | null | undefined): value is number => typeof value === "number" && Number.isFinite(value);

export const drawBars: Pen<BarsLayer> = (stage, layer) => {
  const { ctx, tokens } = stage;
  const places = rowPlaces(layer.rows.length, stage.yAxis.low, layer.words.length);
  ctx.save();
  ctx.font = font(tokens);
  layer.words.forEach((told, i) => {
    const text = shortened(stage, told, stage.box.right - stage.box.left);
    words(stage, text, stage.box.left, 8 + LINE * i, { color: i === 0 ? tokens.ink : tokens.second });
  });
  drawKey(stage, layer);
  layer.rows.forEach((name, i) => drawRow(stage, layer, i, name, places[i]!));
  drawAxis(stage);
  ctx.restore();
  for (const [key, values] of [
    ["h", layer.h], ["z", layer.z], ["raw_input", layer.raw], ["untrained", layer.untrained],
    ["chance", layer.chance], ["best", layer.best], ["ghost", layer.ghost],
  ] as const) {
    if (!values.some(known)) continue;
    stage.traces.push({
      key,
      name: key,
      role: key === "h" || key === "z" ? "data" : "reference",
      color: tokens.ink,
      px: Float64Array.from(values, (value) => (known(value) ? stage.x.to(value) : NaN)),
      py: Float64Array.from(places, (place) => stage.y.to(key === "z" ? place.z : place.h)),
      // Rows are no function of the accuracy, so the crosshair reads nothing from them.
      ordered: false,
      readable: false,
    });
  }
};

function drawRow(stage: Stage, layer: BarsLayer, i: number, name: string, place: RowPlace): void {
  const { ctx, tokens } = stage;
  const main = i < layer.main;
  const middle = place.h + place.bar + 0.5;
  const own = shortened(stage, name, stage.x.to(0) - 8 - stage.box.left, main);
  words(stage, own, stage.x.to(0) - 8, middle, { color: main ? tokens.ink : tokens.second, bold: main, end: true });
  for (const [value, top, opacity] of [[layer.h[i], place.h, 1], [layer.z[i], place.z, LIGHT]] as const) {
    if (!known(value)) continue;
    ctx.globalAlpha = opacity;
    ctx.fillStyle = tokens.second;
    const y = stage.y.to(top);
    ctx.fillRect(stage.x.to(0), y, Math.max(0.5, stage.x.to(value) - stage.x.to(0)), stage.y.to(top + place.bar) - y);
    ctx.globalAlpha = 1;
  }
  drawBest(stage, layer.best[i], layer.h[i], place);
  drawGhost(stage, layer.ghost[i], place);
  tick(stage, layer.chance[i], place, { color: tokens.reference, dash: [1, 3], width: 1.5 });
  tick(stage, layer.raw[i], place, { color: tokens.ink, dash: [], width: 1.75, veil: true });
  tick(stage, layer.untrained[i], place, { color: tokens.ink, dash: [4, 2], width: 1.5, veil: true, ring: true });
  const [h, z] = layer.said[i] ?? ["", ""];
  const right = stage.box.right - 2;
  const two = place.to - place.from >= TWO_LINES;
  // In a narrow panel z has no room beside h: its bar says it, and the table.
  const beside = !two && z !== "" && right - stage.x.to(1) >= stage.measure(h, true) + stage.measure(z) + 10;
  const width = beside ? stage.measure(z) + 6 : 0;
  words(stage, h, right - width, two && z !== "" ? place.h + place.bar / 2 - 1 : middle, { color: tokens.ink, bold: true, end: true });
  if (two || beside) words(stage, z, right, two ? place.z + place.bar / 2 + 1 : middle, { color: tokens.second, end: true });
}

interface TickLook {
  color: string;
  dash: number[];
  width: number;
  veil?: boolean;
  ring?: boolean;
}

function tick(stage: Stage, value: number | null | undefined, place: RowPlace, look: TickLook): void {
  if (!known(value)) return;
  const x = crisp(stage.x.to(value), stage.ratio);
  upright(stage, x, stage.y.to(place.from), stage.y.to(place.to), look);
}

function upright(stage: Stage, x: number, from: number, to: number, look: TickLook): void {
  const { ctx, tokens } = stage;
  ctx.lineCap = look.dash[0] === 1 ? "round" : "butt";
  const line = (color: string, width: number, dash: number[]): void => {
    ctx.strokeStyle = color;
    ctx.lineWidth = width;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(x, from);
    ctx.lineTo(x, to);
    ctx.stroke();
  };
  // On a dark bar a dark tick is seen by the ground on either side of it.
  if (look.veil === true) line(tokens.ground, 4.5, []);
  line(look.color, look.width, look.dash);
  ctx.setLineDash([]);
  ctx.lineCap = "butt";
  if (look.ring !== true) return;
  ctx.beginPath();
  ctx.arc(x, from, 2.5, 0, 2 * Math.PI);
  ctx.fillStyle = tokens.ground;
  ctx.strokeStyle = look.color;
  ctx.lineWidth = 1.25;
  ctx.fill();
  ctx.stroke();
}

/** The best so far: an open bar from where h ends now to where it ended then. */
function drawBest(stage: Stage, best: number | null | undefined, now: number | null | undefined, place: RowPlace): void {
  if (!known(best) || !known(now)) return;
  const { ctx, tokens, ratio } = stage;
  const from = stage.x.to(now);
  const to = crisp(stage.x.to(best), ratio);
  const top = crisp(stage.y.to(place.h), ratio);
  const low = crisp(stage.y.to(place.h + place.bar), ratio);
  ctx.strokeStyle = tokens.second;
  ctx.lineWidth = 1;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(from, top);
  ctx.lineTo(to, top);
  ctx.lineTo(to, low);
  ctx.lineTo(from, low);
  ctx.stroke();
}

/** h of another run: a line along the bar, and a tick where it ends. */
function drawGhost(stage: Stage, value: number | null | undefined, place: RowPlace): void {
  if (!known(value)) return;
  const { ctx, tokens } = stage;
  const x = stage.x.to(value);
  const y = crisp(stage.y.to(place.h - 2), stage.ratio);
  ctx.strokeStyle = tokens.ghost;
  ctx.lineWidth = 1.25;
  ctx.beginPath();
  ctx.moveTo(stage.x.to(0), y);
  ctx.lineTo(x, y);
  ctx.lineTo(x, stage.y.to(place.h + place.bar));
  ctx.stroke();
}

function drawKey(stage: Stage, layer: BarsLayer): void {
  const { ctx, tokens } = stage;
  const at = 24 + LINE * (layer.words.length - 1);
  const y = stage.y.to(at);
  let x = stage.box.left + 4;
  const right = stage.box.right - 46;
  const entries: [string, TickLook][] = [];
  if (layer.chance.some(known)) entries.push(["chance", { color: tokens.reference, dash: [1, 3], width: 1.5 }]);
  if (layer.raw.some(known)) entries.push(["raw input", { color: tokens.ink, dash: [], width: 1.75 }]);
  if (layer.untrained.some(known)) entries.push([layer.first, { color: tokens.ink, dash: [4, 2], width: 1.5, ring: true }]);
  for (const [whole, look] of entries) {
    const name = shortened(stage, whole, right - x - 12);
    if (name === "") continue;
    upright(stage, crisp(x, stage.ratio), y - 5, y + 5, look);
    words(stage, name, x + 6, at, { color: tokens.second });
    x += stage.measure(name) + 22;
  }
  for (const [name, back, opacity] of [["h", 30, 1], ["z", 8, LIGHT]] as const) {
    const end = stage.box.right - back;
    words(stage, name, end, at, { color: tokens.second });
    ctx.globalAlpha = opacity;
    ctx.fillStyle = tokens.second;
    ctx.fillRect(end - 11, y - 4, 8, 8);
    ctx.globalAlpha = 1;
  }
  if (layer.best.some(known) && right - x >= stage.measure("best") + 14) {
    ctx.strokeStyle = tokens.second;
    ctx.lineWidth = 1;
    ctx.setLineDash([]);
    ctx.strokeRect(crisp(x - 2, stage.ratio), crisp(y - 4, stage.ratio), 8, 8);
    words(stage, "best", x + 11, at, { color: tokens.second });
    x += stage.measure("best") + 27;
  }
  if (layer.ghost_name === "") return;
  const name = shortened(stage, layer.ghost_name, right - x - 24);
  if (name === "") return;
  ctx.strokeStyle = tokens.ghost;
  ctx.lineWidth = 1.25;
  ctx.beginPath();
  ctx.moveTo(x - 2, y);
  ctx.lineTo(x + 9, y);
  ctx.stroke();
  words(stage, name, x + 13, at, { color: tokens.second });
}

function drawAxis(stage: Stage): void {
  const { ctx, tokens, ratio } = stage;
  const y = crisp(stage.y.to(stage.yAxis.low - AXIS), ratio);
  ctx.strokeStyle = tokens.rule;
  ctx.lineWidth = 1;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(stage.x.to(0), y);
  ctx.lineTo(stage.x.to(1), y);
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    const x = crisp(stage.x.to(value), ratio);
    ctx.moveTo(x, y);
    ctx.lineTo(x, y + 3);
  }
  ctx.stroke();
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    const text = String(value);
    ctx.fillStyle = tokens.second;
    ctx.font = font(tokens);
    letters(ctx, text, stage.x.to(value) - stage.measure(text) / 2, y + 14, ratio);
  }
  letters(ctx, stage.xAxis.name, stage.x.to(0) - 8 - stage.measure(stage.xAxis.name), y + 14, ratio);
}

interface Look {
  color: string;
  bold?: boolean;
  end?: boolean;
}

function words(stage: Stage, text: string, x: number, y: number, look: Look): void {
  if (text === "") return;
  const { ctx, tokens } = stage;
  const bold = look.bold ?? false;
  ctx.font = font(tokens, bold);
  ctx.fillStyle = look.color;
  const left = look.end === true ? x - stage.measure(text, bold) : x;
  letters(ctx, text, left, stage.y.to(y) + SMALL / 2 - 1.5, stage.ratio);
}

/** A text that ends in … where there is no room for all of it; "" where there is none for its first letters. */
export function shortened(stage: Pick<Stage, "measure">, text: string, room: number, bold = false): string {
  if (stage.measure(text, bold) <= room) return text;
  let end = text.length;
  while (end > 2 && stage.measure(`${text.slice(0, end)}…`, bold) > room) end -= 1;
  return end > 2 ? `${text.slice(0, end).trimEnd()}…` : "";
}
