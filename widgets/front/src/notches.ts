/* Where the timeline can be put, and where its words stand. Pure, so that it is tested without a page. */

import type { TimelineEvent } from "./protocol.ts";

/** Index of the recorded step nearest to `step`; -1 where nothing is recorded. */
export function nearest(steps: ArrayLike<number>, step: number): number {
  if (steps.length === 0) return -1;
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low > 0 && step - steps[low - 1]! <= steps[low]! - step ? low - 1 : low;
}

/** The recorded step `by` notches from `step`. Null is the newest, and beyond the last one lies the newest. */
export function moved(steps: ArrayLike<number>, step: number | null, by: number): number | null {
  if (steps.length === 0) return null;
  if (step === null) return by >= 0 ? null : steps[Math.max(0, steps.length - 1 + by)]!;
  let from = nearest(steps, step);
  // Between two notches the first one in that direction is one notch away.
  if (by > 0 && steps[from]! > step) from -= 1;
  if (by < 0 && steps[from]! < step) from += 1;
  const to = from + by;
  return to >= steps.length ? null : steps[Math.max(0, to)]!;
}

/** The step of the next event in a direction; null after the last one: the newest. */
export function eventFrom(events: readonly TimelineEvent[], step: number | null, by: 1 | -1): number | null {
  const places = [...new Set(events.map((event) => event.step))].sort((a, b) => a - b);
  if (by > 0) return step === null ? null : (places.find((place) => place > step) ?? null);
  const before = places.filter((place) => step === null || place < step);
  return before[before.length - 1] ?? places[0] ?? step;
}

/** A run that has done a smaller part of its steps would have all its record in a corner of the line. */
const FAR = 8;

/** The right end of the line: the planned steps, or a round number that the run has not passed; its last step where it
 * has ended. */
export function endOf(last: number, total: number | null, running: boolean): number {
  if (!running) return Math.max(1, last);
  if (total !== null && total >= last && FAR * last >= total) return Math.max(1, total);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, last)));
  for (const factor of [1, 1.5, 2, 3, 4, 6, 8, 10]) if (last <= factor * power) return Math.max(4, factor * power);
  return last;
}

/** Round numbers from 0 to `end`, and `end` itself where no other is near. */
export function roundSteps(end: number, most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, end / most)));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= 1 && Number.isInteger(size) && end / size <= most) ?? end;
  const found: number[] = [];
  for (let place = 0; place <= end; place += step) found.push(place);
  if (found[found.length - 1] !== end) {
    if (found.length > 1 && end - found[found.length - 1]! < 0.6 * step) found.pop();
    found.push(end);
  }
  return found;
}

export interface Words {
  /** Where the thing stands that the words belong to. */
  at: number;
  size: number;
  /** Words of a triangle stand right of it if they can, those of a tick left. */
  after?: boolean;
}

export interface Placed {
  index: number;
  from: number;
}

/** Words beside their places on one line, on either side; those that come first win. They keep off each other, off
 * what is `taken`, and off the strokes at `strokes`. */
export function layWords(
  words: readonly Words[],
  taken: readonly (readonly [number, number])[],
  strokes: readonly number[],
  total: number,
  gap: number,
): Placed[] {
  const full = taken.map(([from, to]) => [from, to] as const);
  const placed: Placed[] = [];
  words.forEach(({ at, size, after }, index) => {
    const sides = [at - gap - size, at + gap];
    for (const from of after === true ? sides.reverse() : sides) {
      const to = from + size;
      if (from < 0 || to > total || !full.every(([a, b]) => to + gap <= a || from - gap >= b)) continue;
      if (strokes.some((x) => x > from - 2 && x < to + 2)) continue;
      full.push([from, to]);
      placed.push({ index, from });
      return;
    }
  });
  return placed;
}
