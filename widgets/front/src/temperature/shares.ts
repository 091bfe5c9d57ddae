/* How the push of an anchor is shared among its negatives at a temperature: the same numbers as
 * `vergence.metrics.temperature`, from the cosines that came with the panel. */

import type { WeightsLayer } from "../layers/weights.ts";
import type { Rows } from "../spec.ts";

const LEVELS = 65534;
export const BINS = 64;
const HARDEST = 100;

export interface Shared {
  hardest: number;
  entropy: number;
  /** Null where no anchor has a positive. */
  coupling: number | null;
  counts: Float64Array;
  /** Mean weight by similarity, 1 is even; NaN in an empty bin. */
  weight: Float64Array;
  push: Float64Array;
}

/** The cosines of each anchor, falling; sorted once for every temperature that is tried. */
export interface Anchors {
  negatives: Float64Array[];
  positives: Float64Array[];
  standsFor: number;
}

function sorted({ data, shape }: Rows): Float64Array[] {
  const [count, length] = shape;
  return Array.from({ length: count }, (_, row) => {
    const steps = Float64Array.from({ length }, (_, i) => data[row * length + i] ?? NaN).filter((step) => step <= LEVELS);
    return steps.map((step) => (step / LEVELS) * 2 - 1).sort().reverse();
  });
}

export function anchorsOf(layer: WeightsLayer): Anchors {
  return { negatives: sorted(layer.negatives), positives: sorted(layer.positives), standsFor: layer.stands_for };
}

function sum(values: ArrayLike<number>, until = values.length): number {
  let total = 0;
  for (let i = 0; i < until; i++) total += values[i]!;
  return total;
}

export function sharedAt({ negatives, positives, standsFor }: Anchors, temperature: number): Shared {
  const counts = new Float64Array(BINS);
  const weight = new Float64Array(BINS);
  const push = new Float64Array(BINS);
  let hardest = 0;
  let entropy = 0;
  let coupling = 0;
  let used = 0;
  let paired = 0;
  negatives.forEach((cosines, row) => {
    const n = cosines.length;
    if (n === 0) return;
    used += 1;
    const top = cosines[0]!;
    const factors = cosines.map((s) => Math.exp((s - top) / temperature));
    const total = sum(factors);
    hardest += sum(factors, Math.max(1, Math.floor((n + HARDEST / 2) / HARDEST))) / total;
    const mean = sum(factors.map((factor, i) => (factor * (cosines[i]! - top)) / temperature)) / total;
    entropy += Math.max(0, Math.log(total) - mean + Math.log(standsFor));
    for (let i = 0; i < n; i++) {
      const bin = Math.min(BINS - 1, Math.floor((cosines[i]! + 1) * (BINS / 2)));
      const share = factors[i]! / total;
      counts[bin]! += 1;
      weight[bin]! += share * n;
      push[bin]! += share;
    }
    const own = positives[row] ?? [];
    if (own.length === 0) return;
    paired += 1;
    const pull = sum(Float64Array.from(own, (s) => Math.exp((s - own[0]!) / temperature)));
    // Both sums stand over their largest term, which may be far apart.
    coupling += 1 / (1 + (pull / (total * standsFor)) * Math.exp((own[0]! - top) / temperature));
  });
  return {
    hardest: hardest / used,
    entropy: entropy / used,
    coupling: paired === 0 ? null : coupling / paired,
    counts,
    weight: weight.map((total, bin) => total / counts[bin]!),
    push: push.map((share) => share / used),
  };
}
