/* The crosshair: one for all panels with the same step axis, and a small readout beside it. */

import { count, number } from "./format.ts";
import { h } from "./dom.ts";
import { crisp, type Stage, type Trace } from "./pen/stage.ts";
import type { Picture } from "./pen/picture.ts";
import type { Tokens } from "./theme.ts";

/** What is pointed at: a step (shared by all panels), or a place on one panel's own axis. */
export interface Pointed {
  group: string;
  value: number;
  /** The panel under the pointer. */
  from: string;
}

/** Tells every panel of one cockpit what is pointed at. */
export class Crosshair {
  private readonly listeners = new Set<(pointed: Pointed | null) => void>();
  pointed: Pointed | null = null;

  listen(listener: (pointed: Pointed | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  point(pointed: Pointed | null): void {
    this.pointed = pointed;
    for (const listener of this.listeners) listener(pointed);
  }
}

export function groupOf(stage: Stage, noun: string): string {
  return stage.xAxis.quantity || `${noun}/${stage.xAxis.name}`;
}

/** A plot without axes has no place that other panels share; its own tools say what the pointer is on. */
function pictured(picture: Picture, stage: Stage): boolean {
  const bare = picture.plots[picture.stages.indexOf(stage)]?.bare ?? false;
  return bare && !stage.traces.some((trace) => trace.role === "dots");
}

const NEAR = 20;

/** The dot under the pointer, where a plot has dots. */
function nearestDot(stage: Stage, x: number, y: number): { trace: Trace; index: number } | null {
  let best: { trace: Trace; index: number } | null = null;
  let distance = NEAR;
  for (const trace of stage.traces) {
    if (trace.role !== "dots") continue;
    for (let i = 0; i < trace.px.length; i++) {
      const d = Math.hypot(trace.px[i]! - x, trace.py[i]! - y);
      if (d < distance) {
        distance = d;
        best = { trace, index: i };
      }
    }
  }
  return best;
}

/** What a place in a picture points at. */
export function pointAt(picture: Picture, noun: string, x: number, y: number): Pointed | null {
  for (const stage of picture.stages) {
    if (pictured(picture, stage)) continue;
    const { left, right, top, bottom } = stage.box;
    if (x < left - 4 || x > right + 4 || y < top - 8 || y > bottom + 8) continue;
    if (stage.traces.some((trace) => trace.role === "dots")) {
      const dot = nearestDot(stage, x, y);
      if (dot === null) return null;
      return { group: dot.trace.valueName === "step" ? "step" : noun, value: dot.trace.value![dot.index]!, from: noun };
    }
    const value = stage.x.from(Math.min(right, Math.max(left, x)));
    return { group: groupOf(stage, noun), value, from: noun };
  }
  return null;
}

function nearestIndex(trace: Trace, px: number): number {
  let best = -1;
  let distance = Infinity;
  for (let i = 0; i < trace.px.length; i++) {
    if (!Number.isFinite(trace.px[i])) continue;
    const d = Math.abs(trace.px[i]! - px);
    if (d < distance) {
      distance = d;
      best = i;
    }
  }
  return best;
}

interface Row {
  name: string;
  value: string;
  reference: boolean;
}

/** What the readout says, and beside which place. */
export interface Reading {
  title: string;
  rows: Row[];
  x: number;
  y: number;
}

/** Draws the crosshair on the upper canvas of one panel and returns what the readout says; null for nothing. */
export function drawCrosshair(
  ctx: CanvasRenderingContext2D,
  picture: Picture,
  noun: string,
  pointed: Pointed,
  tokens: Tokens,
): Reading | null {
  const rows: Row[] = [];
  let title = "";
  let place: { x: number; y: number } | null = null;
  for (const stage of picture.stages) {
    if (pictured(picture, stage)) continue;
    const dots = stage.traces.filter((trace) => trace.role === "dots");
    if (dots.length > 0) {
      if (pointed.group !== "step" && pointed.group !== noun) continue;
      for (const trace of dots) {
        const at = dotOf(trace, pointed.value);
        if (at < 0) continue;
        ring(ctx, trace.px[at]!, trace.py[at]!, 6, tokens);
        place ??= { x: trace.px[at]!, y: stage.box.top };
        title = title || `${trace.valueName ?? ""} ${sayValue(trace.value![at]!, trace.valueName ?? "")}`.trim();
        rows.push({ name: short(stage.xAxis.name), value: number(stage.x.from(trace.px[at]!), 3), reference: false });
        rows.push({ name: short(stage.yAxis.name), value: number(stage.y.from(trace.py[at]!)), reference: false });
      }
      rows.push(...references(stage, NaN));
      continue;
    }
    if (stage.rows.length > 0) {
      if (pointed.group === "step") {
        const row = nearestRow(stage, pointed.value);
        if (row !== null) {
          rule(ctx, stage.box.left, row.base, stage.box.right, row.base, tokens);
          title = title || `row of step ${count(row.step)}`;
          place ??= { x: stage.box.left, y: row.base + 6 };
        }
        continue;
      }
    }
    if (groupOf(stage, noun) !== pointed.group) continue;
    const x = stage.x.to(pointed.value);
    if (x < stage.box.left - 1 || x > stage.box.right + 1) continue;
    rule(ctx, crisp(x, stage.ratio), stage.box.top, crisp(x, stage.ratio), stage.box.bottom, tokens);
    place ??= { x, y: stage.box.top + 2 };
    if (stage.rows.length > 0) continue;
    for (const trace of stage.traces) {
      if (trace.role !== "data" || !trace.ordered) continue;
      const i = nearestIndex(trace, x);
      if (i < 0 || Math.abs(trace.px[i]! - x) > NEAR) continue;
      const value = stage.y.from(trace.py[i]!);
      if (pointed.group === "step" && title === "") title = `step ${count(stage.x.from(trace.px[i]!))}`;
      rows.push({ name: trace.name, value: Number.isFinite(value) ? number(value) : "not finite", reference: false });
      if (Number.isFinite(trace.py[i])) ring(ctx, trace.px[i]!, trace.py[i]!, 3, tokens);
    }
    rows.push(...references(stage, x));
    const { quantity, name } = stage.xAxis;
    const said = quantity === "index" ? count(Math.round(pointed.value)) : number(pointed.value);
    if (title === "") title = `${quantity || short(name)} ${said}`.trim();
  }
  return place === null ? null : { title, rows, ...place };
}

function references(stage: Stage, px: number): Row[] {
  const rows: Row[] = [];
  for (const trace of stage.traces) {
    if (trace.role !== "reference" || !trace.readable) continue;
    const i = trace.px.length === 2 || Number.isNaN(px) ? 0 : nearestIndex(trace, px);
    if (i < 0 || !Number.isFinite(trace.py[i])) continue;
    rows.push({ name: trace.name, value: number(stage.y.from(trace.py[i]!)), reference: true });
  }
  return rows;
}

function dotOf(trace: Trace, value: number): number {
  let best = -1;
  let distance = Infinity;
  trace.value!.forEach((v, i) => {
    const d = Math.abs(v - value);
    if (d < distance && Number.isFinite(trace.px[i]) && Number.isFinite(trace.py[i])) {
      distance = d;
      best = i;
    }
  });
  return best;
}

function nearestRow(stage: Stage, step: number): { step: number; base: number } | null {
  let best: { step: number; base: number } | null = null;
  for (const row of stage.rows) {
    if (best === null || Math.abs(row.step - step) < Math.abs(best.step - step)) best = row;
  }
  return best;
}

function sayValue(value: number, name: string): string {
  return name.startsWith("step") ? count(value) : number(value);
}

/** "uniformity, log mean exp(…)" is called uniformity in a readout. */
function short(name: string): string {
  return name.split(/[,;(]/)[0]!.trim();
}

function ring(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, tokens: Tokens): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.strokeStyle = tokens.ink;
  ctx.fillStyle = tokens.ground;
  ctx.lineWidth = 1.5;
  if (radius <= 3) ctx.fill();
  ctx.stroke();
}

function rule(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number, tokens: Tokens): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.strokeStyle = tokens.second;
  ctx.lineWidth = 0.75;
  ctx.setLineDash([]);
  ctx.stroke();
}

/** Fills the readout and puts it beside the crosshair, inside the panel. */
export function fillReadout(node: HTMLElement, { title, rows, x, y }: Reading, width: number): void {
  node.replaceChildren(h("b", {}, title));
  const list = h("dl", {});
  for (const row of rows) {
    const kind = { class: row.reference ? "vg-reference" : null };
    list.append(h("dt", kind, row.name), h("dd", kind, row.value));
  }
  if (rows.length > 0) node.append(list);
  node.hidden = false;
  const own = node.offsetWidth;
  const left = x + 10 + own <= width ? x + 10 : x - 10 - own;
  node.style.top = `${y}px`;
  node.style.left = `${Math.max(0, Math.min(width - own, left))}px`;
}
