/* The pointer on the map: what it means, what it clicks, what it draws a line round. */

import type { Shown } from "../pen/cloud_map.ts";
import { caught, extend, nearest, reach, type Point } from "./lasso.ts";

/** So near an item the pointer means it. */
const NEAR = 14;
/** A hand that moved less than this clicked. */
const CLICK = 5;

export interface PointerEvents {
  shown(): Shown | null;
  /** Over an item, or over none (−1). */
  meant(item: number): void;
  clicked(item: number): void;
  /** A line was drawn round these; `add`: to those already chosen. */
  ringed(items: number[], add: boolean): void;
  /** A line is being drawn, or was let go. */
  drew(): void;
}

export class MapPointer {
  lasso: Point[] = [];
  drawing = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: PointerEvents,
    signal: AbortSignal,
  ) {
    const on = (
      type: "pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave",
      act: (event: PointerEvent) => void,
    ): void => canvas.addEventListener(type, act, { signal });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.moved(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", () => this.letGo());
    on("pointerleave", () => {
      if (!this.drawing) events.meant(-1);
    });
  }

  private at(event: PointerEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0 || this.events.shown() === null) return;
    this.lasso = [this.at(event)];
    this.drawing = true;
    this.canvas.setPointerCapture(event.pointerId);
  }

  private moved(event: PointerEvent): void {
    // The step axes of the other panels have no place on a map.
    event.stopPropagation();
    const shown = this.events.shown();
    if (shown === null) return;
    const { x, y } = this.at(event);
    if (!this.drawing) {
      this.events.meant(nearest(shown.px, shown.py, x, y, NEAR));
      return;
    }
    extend(this.lasso, x, y);
    if (reach(this.lasso) > CLICK) this.events.meant(-1);
    this.events.drew();
  }

  private up(event: PointerEvent): void {
    const { lasso } = this;
    const shown = this.events.shown();
    if (!this.drawing || shown === null) return;
    this.letGo();
    if (reach(lasso) > CLICK) {
      this.events.ringed(caught(lasso, shown.px, shown.py), event.shiftKey);
      return;
    }
    const { x, y } = this.at(event);
    const item = nearest(shown.px, shown.py, x, y, NEAR);
    if (item >= 0) this.events.clicked(item);
  }

  private letGo(): void {
    this.drawing = false;
    this.lasso = [];
    this.events.drew();
  }
}
