/* Which panels a reader shows, in which order: kept in the browser for each run's name. */

export interface Arrangement {
  order: string[];
  hidden: string[];
}

const NOTHING: Arrangement = { order: [], hidden: [] };

/** All panels in the reader's order; one that is new stands where it stands by itself, after its neighbour. */
export function ordered(nouns: readonly string[], own: Arrangement): string[] {
  const found = own.order.filter((noun) => nouns.includes(noun));
  nouns.forEach((noun, i) => {
    if (found.includes(noun)) return;
    const before = nouns.slice(0, i).reverse().find((other) => found.includes(other));
    found.splice(before === undefined ? 0 : found.indexOf(before) + 1, 0, noun);
  });
  return found;
}

/** Those of them that are shown; the last one cannot be hidden. */
export function visible(nouns: readonly string[], own: Arrangement): string[] {
  const all = ordered(nouns, own);
  const shown = all.filter((noun) => !own.hidden.includes(noun));
  return shown.length > 0 ? shown : all.slice(0, 1);
}

export function shifted(nouns: readonly string[], own: Arrangement, noun: string, by: 1 | -1): Arrangement {
  const order = ordered(nouns, own);
  const from = order.indexOf(noun);
  const to = from + by;
  if (from < 0 || to < 0 || to >= order.length) return own;
  order.splice(to, 0, ...order.splice(from, 1));
  return { ...own, order };
}

export function toggled(own: Arrangement, noun: string): Arrangement {
  const hidden = own.hidden.includes(noun) ? own.hidden.filter((other) => other !== noun) : [...own.hidden, noun];
  return { ...own, hidden };
}

/** Columns of twelve for each panel, where two stand side by side and where three do: no row ends in a hole.
 *
 * In a grid of two, pairs take a whole row, and so does what would stand alone before them or at the end. In a grid
 * of three the last one takes what is left of its row. */
export function spans(nouns: readonly string[]): { two: number; three: number }[] {
  const found = nouns.map((noun) => ({ two: noun === "pairs" ? 12 : 6, three: 4 }));
  let half = -1;
  found.forEach((span, i) => {
    if (span.two === 12) {
      if (half >= 0) found[half]!.two = 12;
      half = -1;
    } else half = half >= 0 ? -1 : i;
  });
  if (half >= 0) found[half]!.two = 12;
  const last = found[found.length - 1];
  if (last !== undefined) last.three = 4 * (3 - ((found.length - 1) % 3));
  return found;
}

function place(name: string): string {
  return `vergence:panels:${name}`;
}

export function recall(name: string): Arrangement {
  try {
    const kept = JSON.parse(localStorage.getItem(place(name)) ?? "null") as Partial<Arrangement> | null;
    const words = (list: unknown): string[] => (Array.isArray(list) ? list.filter((item) => typeof item === "string") : []);
    return kept === null ? NOTHING : { order: words(kept.order), hidden: words(kept.hidden) };
  } catch {
    return NOTHING; // storage may be closed to this page, or hold what somebody else put there
  }
}

export function keep(name: string, own: Arrangement): void {
  try {
    localStorage.setItem(place(name), JSON.stringify(own));
  } catch {
    // It holds until the page is closed.
  }
}
