/* Which tick labels can stand on an axis without touching each other. */

export interface TickPlace {
  /** Index in the axis's list of ticks. */
  index: number;
  at: number;
  /** Left (or top) edge and size of the label. */
  from: number;
  size: number;
}

/** Labels along a line from `start` to `end`, centred on their ticks but never beyond the ends.
 *
 * The first and the last stay, since they give the range; those between are left out where they would come
 * nearer than `gap` to a neighbour. */
export function layTicks(places: readonly number[], sizes: readonly number[], start: number, end: number, gap: number): TickPlace[] {
  const all: TickPlace[] = places.map((at, index) => {
    const size = sizes[index] ?? 0;
    const from = Math.max(start, Math.min(end - size, at - size / 2));
    return { index, at, from, size };
  });
  all.sort((a, b) => a.from - b.from);
  const first = all[0];
  const last = all[all.length - 1];
  if (first === undefined || last === undefined) return [];
  if (all.length === 1) return all;
  const kept: TickPlace[] = [first];
  let edge = first.from + first.size;
  for (const place of all.slice(1, -1)) {
    if (place.from >= edge + gap && place.from + place.size + gap <= last.from) {
      kept.push(place);
      edge = place.from + place.size;
    }
  }
  if (last.from >= edge + gap) kept.push(last);
  return kept;
}
