/* Which items: inside a line drawn by hand, nearest to the pointer, next in a direction. */

import type { Direction } from "../keyboard.ts";

export interface Point {
  x: number;
  y: number;
}

/** Whether a place lies inside a closed line; one that crosses itself counts by turns (even-odd). */
export function inside(line: readonly Point[], x: number, y: number): boolean {
  let within = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const a = line[i]!;
    const b = line[j]!;
    // Half-open in y, so that a place level with a corner is counted once.
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) within = !within;
  }
  return within;
}

/** The items inside a line, in order. Items without a place (NaN) are in none. */
export function caught(line: readonly Point[], px: Float64Array, py: Float64Array): number[] {
  if (line.length < 3) return [];
  const left = Math.min(...line.map((p) => p.x));
  const right = Math.max(...line.map((p) => p.x));
  const top = Math.min(...line.map((p) => p.y));
  const bottom = Math.max(...line.map((p) => p.y));
  const found: number[] = [];
  for (let i = 0; i < px.length; i++) {
    const x = px[i]!;
    const y = py[i]!;
    if (x >= left && x <= right && y >= top && y <= bottom && inside(line, x, y)) found.push(i);
  }
  return found;
}

/** Adds a point unless it is hardly away from the last: a hand draws more points than a line needs. */
export function extend(line: Point[], x: number, y: number): void {
  const last = line[line.length - 1];
  if (last === undefined || Math.hypot(last.x - x, last.y - y) >= 2) line.push({ x, y });
}

/** How far the hand went from where it began: less is a click and not a lasso. */
export function reach(line: readonly Point[]): number {
  const first = line[0];
  return first === undefined ? 0 : Math.max(...line.map((p) => Math.hypot(p.x - first.x, p.y - first.y)));
}

/** The item nearest to a place, −1 where none is within `most` pixels. */
export function nearest(px: Float64Array, py: Float64Array, x: number, y: number, most = Infinity): number {
  let best = -1;
  let least = most;
  for (let i = 0; i < px.length; i++) {
    const d = Math.hypot(px[i]! - x, py[i]! - y);
    // Of two in one place the later one lies on top.
    if (d < least || (d === least && best >= 0)) {
      least = d;
      best = i;
    }
  }
  return best;
}

const STEP: Record<Direction, [number, number]> = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** The next item in a direction: within 45° of it and nearest, straight ahead before aside; `from` if there is none.
 *
 * Items in one place are gone through by their order, so that every item can be reached. */
export function towards(px: Float64Array, py: Float64Array, from: number, to: Direction): number {
  const [dx, dy] = STEP[to];
  const x = px[from];
  const y = py[from];
  if (x === undefined || y === undefined || !Number.isFinite(x)) return nearest(px, py, 0, 0);
  const onward = dx + dy > 0;
  for (let i = onward ? from + 1 : from - 1; i >= 0 && i < px.length; i += onward ? 1 : -1) {
    if (px[i] === x && py[i] === y) return i;
  }
  let best = from;
  let least = Infinity;
  for (const wide of [1, Infinity]) {
    for (let i = 0; i < px.length; i++) {
      const ahead = (px[i]! - x) * dx + (py[i]! - y) * dy;
      const aside = Math.abs((px[i]! - x) * dy) + Math.abs((py[i]! - y) * dx);
      if (!(ahead > 1e-6) || aside > ahead * wide) continue;
      const cost = ahead + 2 * aside;
      // Of several in one place, the one from which the others follow.
      if (cost < least || (cost === least && !onward)) {
        least = cost;
        best = i;
      }
    }
    if (best !== from) break;
  }
  return best;
}

/** The item that stands most in the middle of its class. */
export function middleOf(items: readonly number[], px: Float64Array, py: Float64Array): number {
  const own = items.filter((i) => Number.isFinite(px[i]));
  if (own.length === 0) return -1;
  const x = own.reduce((sum, i) => sum + px[i]!, 0) / own.length;
  const y = own.reduce((sum, i) => sum + py[i]!, 0) / own.length;
  return own.reduce(
    (best, i) => (Math.hypot(px[i]! - x, py[i]! - y) < Math.hypot(px[best]! - x, py[best]! - y) ? i : best),
    own[0]!,
  );
}
