/* The track of a slider: value, default tick, scale, and a ring where the value still is. */

import { svg } from "./dom.ts";
import { setting, tick } from "./format.ts";
import type { SliderControl } from "./protocol.ts";
import { fraction, hasZero } from "./scale.ts";
import { layTicks } from "./ticks.ts";

const MARGIN = 7;
const TRACK = 9;
const HEIGHT = 32;
const GLYPH = 6.3;

function width(text: string): number {
  return text.length * GLYPH;
}

export function placeOf(value: number, control: SliderControl, total: number): number {
  return MARGIN + fraction(value, control) * (total - 2 * MARGIN);
}

export function partAt(x: number, total: number): number {
  return (x - MARGIN) / Math.max(1, total - 2 * MARGIN);
}

/** Draws the track. `shown` is where the thumb stands, `was` the applied value while another is pending. */
export function drawTrack(control: SliderControl, shown: number, was: number | null, total: number): SVGElement {
  const at = (value: number): number => placeOf(value, control, total);
  const line = (cls: string, x1: number, y1: number, x2: number, y2: number): SVGElement =>
    svg("line", { class: cls, x1, y1, x2, y2 });
  const root = svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, "aria-hidden": "true" });
  // Between 0 and the lowest value of a logarithmic scale there is nothing to choose.
  const start = hasZero(control) ? at(control.low) : MARGIN;
  if (start > MARGIN) root.append(line("vg-track vg-track-gap", MARGIN, TRACK, start, TRACK));
  root.append(line("vg-track", start, TRACK, total - MARGIN, TRACK));
  root.append(line("vg-track-done", start, TRACK, Math.max(start, at(was ?? shown)), TRACK));
  if (was !== null) root.append(line("vg-track-asked", at(was), TRACK, at(shown), TRACK));
  const ticks = hasZero(control) ? [0, ...control.ticks] : control.ticks;
  const labels = ticks.map(tick);
  const sizes = labels.map(width);
  const taken: [number, number][] = [];
  for (const spot of layTicks(ticks.map(at), sizes, 0, total, 8)) {
    root.append(line("vg-tick", spot.at, TRACK + 4, spot.at, TRACK + 7));
    const label = labels[spot.index]!;
    const first = spot.from <= 0.5;
    const last = spot.from + spot.size >= total - 0.5;
    const x = first ? 0 : last ? total : spot.at;
    root.append(svg("text", { x, y: TRACK + 19, "text-anchor": first ? "start" : last ? "end" : "middle" }, label));
    taken.push([spot.from, spot.from + spot.size]);
  }
  if (control.default !== null) {
    const x = at(control.default);
    root.append(line("vg-default", x, TRACK - 5, x, TRACK + 5));
    const words = `default ${setting(control.default, 1).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}`;
    const free = freeSpot(x, width(words), taken, total);
    if (free !== null) root.append(svg("text", { x: free, y: TRACK + 19, "text-anchor": "middle" }, words));
  }
  if (was !== null) root.append(svg("circle", { class: "vg-ring", cx: at(was), cy: TRACK, r: 4.5 }));
  const thumb = svg("circle", { class: was === null ? "vg-thumb" : "vg-thumb vg-thumb-asked", cx: at(shown), cy: TRACK, r: 6 });
  root.append(thumb);
  return root;
}

/* Under the default tick, or a little beside it; nowhere when the scale's own numbers leave no room. */
function freeSpot(x: number, size: number, taken: readonly [number, number][], total: number): number | null {
  for (const shift of [0, -10, 10, -20, 20, -30, 30]) {
    const from = x + shift - size / 2;
    const to = from + size;
    if (from < 0 || to > total) continue;
    if (taken.every(([a, b]) => to + 7 <= a || from - 7 >= b)) return x + shift;
  }
  return null;
}
