/* Small shapes, always beside a word. */

import { svg } from "./dom.ts";
import type { CommandName, RunState } from "./protocol.ts";

const BUTTONS: Record<CommandName, string> = {
  run: "M2 1l7 4-7 4z",
  pause: "M2 1h2v8H2zM6 1h2v8H6z",
  step: "M1 1l5 4-5 4zM7 1h2v8H7z",
  stop: "M1 1h8v8H1z",
  freeze: "M4.5 0h1v10h-1zM.4 2.2l.5-.9 8.7 6.5-.5.9zM9.1 1.3l.5.9L.9 8.7l-.5-.9z",
};

const STATES: Record<RunState, { d: string; open?: boolean }> = {
  idle: { d: "M5 1.2a3.8 3.8 0 1 0 .001 0z", open: true },
  live: { d: "M5 .5a4.5 4.5 0 1 0 .001 0z" },
  paused: { d: "M1.5 1h2.5v8H1.5zM6 1h2.5v8H6z" },
  stopped: { d: "M1 1h8v8H1z" },
  finished: { d: "M1 5.4l3 3 5-6.4", open: true },
  failed: { d: "M1.2 1.2l7.6 7.6M8.8 1.2l-7.6 7.6", open: true },
};

function icon(d: string, open = false): SVGElement {
  const path = open
    ? svg("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.9 })
    : svg("path", { d, fill: "currentColor" });
  return svg("svg", { class: "vg-icon", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, path);
}

export function buttonIcon(name: CommandName): SVGElement {
  return icon(BUTTONS[name]);
}

export function stateIcon(state: RunState): SVGElement {
  const { d, open } = STATES[state];
  return icon(d, open);
}

export function triangle(): SVGElement {
  const path = svg("path", { d: "M5.5 0L11 10H0z", fill: "currentColor" });
  return svg("svg", { class: "vg-triangle", viewBox: "0 0 11 10", width: 11, height: 10, "aria-hidden": "true" }, path);
}
