/* What a panel says when it has no picture to show: empty, loading, failed. */

import { h, svg } from "./dom.ts";
import { count } from "./format.ts";
import type { Panel, State } from "./spec.ts";

export function cross(): SVGElement {
  return svg(
    "svg",
    { class: "vg-cross", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" },
    svg("path", { d: "M1 1l8 8M9 1l-8 8", fill: "none", "stroke-width": 2 }),
  );
}

export function stateNote(panel: Panel, state: State, drawError: string, last: Panel | null, showLast: () => void): Node[] {
  if (state === "loading") return loading(panel);
  if (state === "failed") return failed(panel, drawError, last, showLast);
  return [h("p", { class: "vg-note-text" }, panel.message || "Nothing measured yet.")];
}

function loading(panel: Panel): Node[] {
  const nodes: Node[] = [h("p", { class: "vg-note-text" }, panel.message || "Loading.")];
  if (panel.progress !== null) {
    const [done, all] = panel.progress;
    const part = all > 0 ? Math.min(1, Math.max(0, done / all)) : 0;
    const bar = h("div", {
      class: "vg-bar",
      role: "progressbar",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(part * 100),
      "aria-label": `${panel.noun} loading`,
    });
    const done_ = h("div", {});
    done_.style.width = `${(part * 100).toFixed(1)}%`;
    bar.append(done_);
    nodes.push(bar);
  }
  if (panel.after !== "") nodes.push(h("p", { class: "vg-small" }, panel.after));
  return nodes;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function failed(panel: Panel, drawError: string, last: Panel | null, showLast: () => void): Node[] {
  let cause: string;
  let after: string;
  if (drawError !== "") {
    const step = panel.step === null ? "this frame" : `step ${count(panel.step)}`;
    cause = `Failed: the picture of ${step} could not be drawn, since ${sentence(drawError)}`;
    after = "The run goes on, and so do the other panels. This one tries again with its next frame.";
  } else {
    const message = panel.message || "no cause was given";
    cause = sentence(/^failed/i.test(message) ? message : `Failed: ${message}`);
    after = panel.after;
  }
  if (last !== null && last.step !== null && !after.includes("last good")) {
    after = `${after} The last good picture is from step ${count(last.step)}.`.trim();
  }
  const nodes: Node[] = [h("p", { class: "vg-note-text vg-failed" }, cross(), h("span", {}, cause))];
  if (after !== "") nodes.push(h("p", { class: "vg-small" }, after));
  if (last !== null) {
    const button = h("button", { type: "button", class: "vg-button" }, "Show last good picture");
    button.addEventListener("click", showLast);
    nodes.push(h("p", {}, button));
  }
  return nodes;
}
