/* More points than pixels: the first, the last, the lowest and the highest of each column are kept.
 *
 * The picture is the same, spikes included, and every kept point is one of the data. */

const POINTS_A_PIXEL = 4;

export function thinned(px: Float64Array, py: Float64Array, width: number): { px: Float64Array; py: Float64Array } {
  const n = px.length;
  const columns = Math.max(1, Math.ceil(width));
  if (n <= columns * POINTS_A_PIXEL) return { px, py };
  const keep: number[] = [];
  let i = 0;
  while (i < n) {
    const column = Math.floor(px[i]!);
    const group: number[] = [];
    let low = -1;
    let high = -1;
    const first = i;
    while (i < n && Math.floor(px[i]!) === column) {
      const y = py[i]!;
      if (Number.isNaN(y)) group.push(i);
      else {
        if (low < 0 || y < py[low]!) low = i;
        if (high < 0 || y > py[high]!) high = i;
      }
      i += 1;
    }
    // A place that is no number compares equal to nothing, itself included; it is kept as a gap.
    if (i === first) {
      keep.push(i);
      i += 1;
      continue;
    }
    group.push(first, i - 1);
    if (low >= 0) group.push(low, high);
    keep.push(...[...new Set(group)].sort((a, b) => a - b));
  }
  return { px: Float64Array.from(keep, (k) => px[k]!), py: Float64Array.from(keep, (k) => py[k]!) };
}
