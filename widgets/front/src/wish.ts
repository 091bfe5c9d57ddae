/* The truth about a control: what was asked for, what is applied, and why they differ.
 *
 * A value that was asked for is shown as pending until the kernel confirms it; never as applied. */

import type { Ack } from "./protocol.ts";

export type Value = number | string;

export interface Wish {
  value: Value;
  /** Set once it has been sent. */
  id: string | null;
  since: number;
}

/** After this long without an answer the control says why there is none. */
export const PATIENCE = 5;
const LOST = 2;

export function same(a: Value, b: Value): boolean {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
  return a === b;
}

export class Wishes {
  wish: Wish | null = null;
  /** What this page was told last: "applied at step 620", or why a value was refused. */
  told = "";
  refused = false;
  /** Applied according to an answer that the next frame has yet to repeat. */
  private confirmed: Value | null = null;
  private framesSince = 0;

  ask(value: Value, now: number): void {
    this.wish = { value, id: null, since: now };
    this.told = "";
    this.refused = false;
  }

  sent(id: string, now: number): void {
    if (this.wish !== null) this.wish = { ...this.wish, id, since: now };
  }

  /** Answers to older requests are not about what is shown now, and are passed over. */
  answer(ack: Ack, words: string): boolean {
    if (this.wish === null || this.wish.id !== ack.id) return false;
    if (ack.state === "applied") this.confirmed = ack.value ?? this.wish.value;
    this.framesSince = 0;
    this.told = words;
    this.refused = ack.state === "refused";
    this.wish = null;
    return true;
  }

  /** A frame came. What it says is applied is what is applied, except that one frame may have been on its
   * way when the answer was sent. */
  frame(value: Value, note: string, pending: Value | null, now: number): void {
    // An answer can be lost only with the page's connection; then the value itself says that it arrived.
    if (this.wish !== null && pending === null && same(this.wish.value, value) && this.waiting(now) > LOST) this.wish = null;
    if (this.confirmed !== null) {
      this.framesSince += 1;
      if (same(this.confirmed, value) || this.framesSince > 1) this.confirmed = null;
    }
    if (this.confirmed === null && note !== "" && !this.refused) this.told = "";
  }

  applied(value: Value): Value {
    return this.confirmed ?? value;
  }

  waiting(now: number): number {
    return this.wish?.id == null ? 0 : now - this.wish.since;
  }
}
