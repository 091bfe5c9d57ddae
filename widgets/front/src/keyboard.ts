/* Which key does what. Keys go no further than the cockpit, and none fires while text is typed. */

import type { Box } from "./labels.ts";

export type Action =
  | { do: "toggle" }
  | { do: "step" }
  | { do: "help" }
  | { do: "table" }
  | { do: "alone" }
  | { do: "back" }
  | { do: "live" }
  | { do: "event"; by: 1 | -1 }
  | { do: "finding" }
  | { do: "move"; to: Direction };

export type Direction = "left" | "right" | "up" | "down";

/** What has the focus when a key is pressed. */
export type Focus = "panel" | "slider" | "radio" | "button" | "text" | "other";

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const ARROWS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export function actionFor(pressed: Pressed, focus: Focus): Action | null {
  if (focus === "text" || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return null;
  const { key } = pressed;
  if (key === "?") return { do: "help" };
  if (key === "Escape") return { do: "back" };
  if (key === " ") return focus === "button" || focus === "radio" ? null : { do: "toggle" };
  if (key === "s" || key === "S") return { do: "step" };
  if (key === "t" || key === "T") return { do: "table" };
  if (key === "l" || key === "L") return { do: "live" };
  if (key === "f" || key === "F") return { do: "finding" };
  if (key === "[" || key === "]") return { do: "event", by: key === "[" ? -1 : 1 };
  if (focus !== "panel") return null;
  if (key === "Enter") return { do: "alone" };
  const to = ARROWS[key];
  return to === undefined ? null : { do: "move", to };
}

export function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof Element)) return "other";
  if (target instanceof HTMLInputElement) return target.type === "radio" ? "radio" : target.type === "range" ? "slider" : "text";
  if (target instanceof HTMLTextAreaElement || (target instanceof HTMLElement && target.isContentEditable)) return "text";
  if (target.getAttribute("role") === "slider") return "slider";
  if (target instanceof HTMLButtonElement) return "button";
  return target.hasAttribute("data-panel") ? "panel" : "other";
}

/** The nearest box in a direction; those that overlap sideways come before those that do not. */
export function neighbour(boxes: readonly Box[], from: number, to: Direction): number {
  const here = boxes[from];
  if (here === undefined) return from;
  const middle = (box: Box): [number, number] => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const [x, y] = middle(here);
  let best = from;
  let least = Infinity;
  boxes.forEach((box, i) => {
    if (i === from) return;
    const [bx, by] = middle(box);
    const across = to === "left" || to === "right";
    const ahead = to === "left" ? x - bx : to === "right" ? bx - x : to === "up" ? y - by : by - y;
    const aside = across ? Math.abs(by - y) : Math.abs(bx - x);
    if (ahead <= 1) return;
    const distance = ahead + 3 * aside;
    if (distance < least) {
      least = distance;
      best = i;
    }
  });
  if (best === from) {
    // At the end of a row the next panel in reading order follows.
    const next = to === "right" ? from + 1 : to === "left" ? from - 1 : from;
    return boxes[next] === undefined ? from : next;
  }
  return best;
}

export const KEYS: readonly (readonly [string, string])[] = [
  ["Tab, Shift + Tab", "header, notices, findings, controls, panels, timeline"],
  ["Space", "pause or run"],
  ["S", "one step, when paused"],
  ["Arrows on a panel", "the next panel in that direction"],
  ["Enter, Esc", "a panel alone at full width, and back"],
  ["T", "the numbers of a panel as a table, and back"],
  ["Left, Right on a slider", "one notch; with Shift ten; Home and End"],
  ["Left, Right on the timeline", "one recorded step back or on; with Shift ten; Home and End"],
  ["F", "round the open findings and their evidence; Enter goes to its panel and step"],
  ["[ and ]", "the event before and after: a change, a finding, a failure, a pause"],
  ["L", "live: the newest step again"],
  ["Enter on a slider", "type an exact value"],
  ["?", "this list"],
];
