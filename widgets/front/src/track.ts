/* The line of the timeline: what is recorded in ink, what is to come in hairline, and what happened on the way. */

import { svg } from "./dom.ts";
import { count } from "./format.ts";
import { layWords, roundSteps } from "./notches.ts";
import type { Timeline, TimelineEvent } from "./protocol.ts";
import { layTicks } from "./ticks.ts";

/** px from the edge of the slider to the ends of the line. */
export const INSET = 9;
const LINE = 21;
const HEIGHT = 44;
const GLYPH = 6.3;
const WORDS_AT = 11;
const MOST_MARKS = 120;

export interface Where {
  /** The step at the right end. */
  end: number;
  /** The step that is shown; null is the newest. */
  place: number | null;
  live: boolean;
  /** px. */
  total: number;
}

function width(text: string): number {
  return text.length * GLYPH;
}

export function drawTrack(line: Timeline, where: Where): SVGElement {
  const { end, place, live, total } = where;
  const x = (step: number): number => INSET + Math.min(1, Math.max(0, step / end)) * (total - 2 * INSET);
  const stroke = (cls: string, x1: number, y1: number, x2: number, y2: number): SVGElement => svg("line", { class: cls, x1, y1, x2, y2 });
  const root = svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, "aria-hidden": "true" });
  root.append(stroke("vg-time-future", x(0), LINE, x(end), LINE), stroke("vg-time-past", x(line.first), LINE, x(line.last), LINE));

  const steps = roundSteps(end, Math.max(2, Math.min(6, Math.floor(total / 110))));
  const words = steps.map((step, i) => (i === 0 ? `step ${count(step)}` : i === steps.length - 1 ? `${count(step)} steps` : count(step)));
  for (const spot of layTicks(steps.map(x), words.map(width), 0, total, 10)) {
    root.append(stroke("vg-tick", spot.at, LINE + 5, spot.at, LINE + 8));
    root.append(svg("text", { x: spot.from, y: LINE + 20 }, words[spot.index]!));
  }

  const shown = place ?? line.last;
  const now = count(shown);
  // The number of the step stands over its dot; the words of events keep clear of it.
  const left = Math.min(total - width(now) - 2, Math.max(0, x(shown) - width(now) / 2));
  for (const event of line.events.filter((one) => one.kind === "finding")) {
    const open = event.until == null;
    const to = x(event.until ?? line.last);
    const cls = event.severity === "note" ? "vg-time-noted" : open ? "vg-time-stretch vg-time-open" : "vg-time-stretch";
    root.append(stroke(cls, x(event.step), LINE, to, LINE));
  }
  const paused = new Set(line.events.filter((event) => event.label === "paused").map((event) => event.step));
  // A pause and its end at one step are one mark.
  const marks = line.events.filter((event) => event.label !== "live" || !paused.has(event.step)).slice(-MOST_MARKS);
  for (const event of marks) root.append(mark(event, x(event.step)));
  const labelled = marks.filter((event) => event.kind !== "state").reverse();
  labelled.sort((a, b) => rank(a) - rank(b));
  const sized = labelled.map((event) => ({ at: x(event.step), size: width(event.label), after: rank(event) === 0 }));
  const strokes = marks.filter((event) => event.kind !== "state").map((event) => x(event.step));
  for (const { index, from } of layWords(sized, [[left - 3, left + width(now) + 3]], strokes, total, 5)) {
    root.append(svg("text", { x: from, y: WORDS_AT, class: rank(labelled[index]!) === 0 ? "vg-time-bad" : "" }, labelled[index]!.label));
  }

  if (place !== null && live) root.append(svg("circle", { class: "vg-time-end", cx: x(line.last), cy: LINE, r: 4 }));
  root.append(svg("text", { class: "vg-time-now", x: left, y: WORDS_AT }, now));
  const dot = place !== null ? "vg-time-dot" : live ? "vg-time-dot vg-time-live" : "vg-time-dot vg-time-last";
  root.append(svg("circle", { class: dot, cx: x(shown), cy: LINE, r: place === null ? 5 : 6 }));
  return root;
}

/** What went wrong is named first. */
function rank(event: TimelineEvent): number {
  return event.kind === "control" || event.kind === "state" || event.severity === "note" ? 1 : 0;
}

function mark(event: TimelineEvent, x: number): SVGElement {
  const title = svg("title", {}, `step ${count(event.step)}: ${event.label}`);
  if (rank(event) === 0) return svg("path", { class: "vg-time-trouble", d: `M${x} ${LINE - 11}l5 8.5h-10z` }, title);
  if (event.kind === "state") return svg("path", { class: "vg-time-state", d: shape(event.label, x) }, title);
  return svg("line", { class: "vg-time-change", x1: x, y1: LINE - 8, x2: x, y2: LINE + 5 }, title);
}

/** As on the buttons: an arrow where it went on, bars where it paused, a square where it ended. */
function shape(state: string, x: number): string {
  const y = LINE + 3;
  if (state === "live") return `M${x - 2.5} ${y}l5.5 3-5.5 3z`;
  if (state === "paused") return `M${x - 2.5} ${y}h1.8v6h-1.8zM${x + 0.7} ${y}h1.8v6h-1.8z`;
  return `M${x - 2.5} ${y}h5v5h-5z`;
}
