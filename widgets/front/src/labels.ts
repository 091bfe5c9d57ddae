/* Where words go on a plot: never over other words, never over a line that carries data, never cut off.
 *
 * Each label brings places it would like, cheapest first. Lines and dots have been drawn into a coarse
 * map of ink (with sums over rectangles in constant time), so a place is judged without going through
 * the data. When none of its own places is free, a label takes the free place nearest to the first one.
 * A place that still holds is kept from frame to frame, so that words do not hop while data move. */

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Place {
  left: number;
  top: number;
  /** How much less this place is liked than the first. */
  cost: number;
}

export interface Request {
  /** Stays the same from frame to frame. */
  id: string;
  width: number;
  height: number;
  places: Place[];
  /** Higher is placed earlier. */
  rank: number;
}

export interface Placed {
  id: string;
  box: Box;
  /** Nothing is under or over it. */
  clear: boolean;
}

export function meets(a: Box, b: Box, gap = 0): boolean {
  return a.left < b.right + gap && b.left < a.right + gap && a.top < b.bottom + gap && b.top < a.bottom + gap;
}

const CELL = 2;

/** What has been drawn, in cells of two pixels. */
export class Ink {
  private readonly columns: number;
  private readonly rows: number;
  private readonly cells: Float32Array;
  private sums: Float64Array | null = null;

  constructor(readonly bounds: Box) {
    this.columns = Math.max(1, Math.ceil((bounds.right - bounds.left) / CELL));
    this.rows = Math.max(1, Math.ceil((bounds.bottom - bounds.top) / CELL));
    this.cells = new Float32Array(this.columns * this.rows);
  }

  private mark(x: number, y: number, weight: number): void {
    const column = Math.floor((x - this.bounds.left) / CELL);
    const row = Math.floor((y - this.bounds.top) / CELL);
    if (column < 0 || row < 0 || column >= this.columns || row >= this.rows) return;
    const i = row * this.columns + column;
    if (this.cells[i]! < weight) this.cells[i] = weight;
  }

  segment(x0: number, y0: number, x1: number, y1: number, weight = 1): void {
    // Only the part inside matters; a steep line to far outside would otherwise take a step for each cell.
    const { left, right, top, bottom } = this.bounds;
    if (Math.max(x0, x1) < left || Math.min(x0, x1) > right || Math.max(y0, y1) < top || Math.min(y0, y1) > bottom) return;
    const steps = Math.min(2000, Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0)) / CELL) + 1);
    for (let i = 0; i <= steps; i++) {
      this.mark(x0 + ((x1 - x0) * i) / steps, y0 + ((y1 - y0) * i) / steps, weight);
    }
    this.sums = null;
  }

  disc(x: number, y: number, radius: number, weight = 1): void {
    for (let dy = -radius; dy <= radius; dy += CELL) {
      for (let dx = -radius; dx <= radius; dx += CELL) this.mark(x + dx, y + dy, weight);
    }
    this.sums = null;
  }

  private table(): Float64Array {
    if (this.sums !== null) return this.sums;
    const width = this.columns + 1;
    const sums = new Float64Array(width * (this.rows + 1));
    for (let r = 0; r < this.rows; r++) {
      let row = 0;
      for (let c = 0; c < this.columns; c++) {
        row += this.cells[r * this.columns + c]!;
        sums[(r + 1) * width + c + 1] = sums[r * width + c + 1]! + row;
      }
    }
    this.sums = sums;
    return sums;
  }

  /** How much ink lies under a box. */
  under(box: Box): number {
    const sums = this.table();
    const width = this.columns + 1;
    const column = (x: number): number => Math.min(this.columns, Math.max(0, x));
    const row = (y: number): number => Math.min(this.rows, Math.max(0, y));
    const c0 = column(Math.floor((box.left - this.bounds.left) / CELL));
    const c1 = column(Math.ceil((box.right - this.bounds.left) / CELL));
    const r0 = row(Math.floor((box.top - this.bounds.top) / CELL));
    const r1 = row(Math.ceil((box.bottom - this.bounds.top) / CELL));
    if (c1 <= c0 || r1 <= r0) return 0;
    return sums[r1 * width + c1]! - sums[r0 * width + c1]! - sums[r1 * width + c0]! + sums[r0 * width + c0]!;
  }
}

/** What a label remembers of where it stood. */
export type Memory = Map<string, { left: number; top: number }>;

const WORDS_APART = 3;
const INK_COST = 30;
const WORD_COST = 5000;
const PIXEL_COST = 0.12;
/** A label moves only for a place that is better by this much. */
const INERTIA = 8;
const STRIDE = 3;
const ROUNDS = 4;
/** Dearer than this, a place is so bad that the label should have chosen earlier. */
const UNLUCKY = 9;
/** Crossing a hairline costs less than this, any line of data more. */
const GRAZE = 25;

function boxAt(place: { left: number; top: number }, request: Request): Box {
  return { left: place.left, top: place.top, right: place.left + request.width, bottom: place.top + request.height };
}

function inside(place: Place, request: Request, bounds: Box): Place {
  return {
    left: Math.max(bounds.left, Math.min(bounds.right - request.width, place.left)),
    top: Math.max(bounds.top, Math.min(bounds.bottom - request.height, place.top)),
    cost: place.cost,
  };
}

/* Letters fill a line of words less than its height; what only grazes the rest is not in their way. */
function letters(box: Box): Box {
  return { left: box.left - 1, top: box.top + 2, right: box.right + 1, bottom: box.bottom - 1 };
}

function crowding(box: Box, ink: Ink, words: readonly Box[]): number {
  let cost = INK_COST * ink.under(letters(box));
  for (const word of words) if (meets(box, word, WORDS_APART)) cost += WORD_COST;
  return cost;
}

interface Found {
  request: Request;
  box: Box;
  crowded: number;
  cost: number;
}

/** The best place for one label, given the words that already stand. */
function settle(request: Request, bounds: Box, ink: Ink, words: readonly Box[], memory: Memory): Found | null {
  const liked = request.places[0];
  if (liked === undefined) return null;
  const before = memory.get(request.id);
  let best: Found | null = null;
  const weigh = (candidate: Place): void => {
    const box = boxAt(candidate, request);
    const crowded = crowding(box, ink, words);
    const near = before !== undefined && Math.hypot(candidate.left - before.left, candidate.top - before.top) < 6;
    const cost = crowded + candidate.cost - (near ? INERTIA : 0);
    if (best === null || cost < best.cost) best = { request, box, crowded, cost };
  };
  for (const candidate of request.places) weigh(inside(candidate, request, bounds));
  if (best !== null && (best as Found).crowded > 0) {
    const home = inside(liked, request, bounds);
    const dearest = Math.max(...request.places.map((candidate) => candidate.cost));
    const lowest = bounds.bottom - request.height;
    const rightmost = bounds.right - request.width;
    for (let top = bounds.top; top <= lowest; top += STRIDE) {
      for (let left = bounds.left; left <= rightmost; left += STRIDE) {
        weigh({ left, top, cost: dearest + PIXEL_COST * Math.hypot(left - home.left, 2 * (top - home.top)) });
      }
    }
  }
  return best;
}

/** Finds a place for each label. Those without a free place come back with `clear: false`. */
export function place(requests: readonly Request[], bounds: Box, ink: Ink, memory: Memory, taken: readonly Box[] = []): Placed[] {
  let order = requests.map((request, i) => ({ request, i })).sort((a, b) => b.request.rank - a.request.rank || a.i - b.i);
  let best: Found[] = [];
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const words: Box[] = [...taken];
    const found: Found[] = [];
    for (const { request } of order) {
      const one = settle(request, bounds, ink, words, memory);
      if (one === null) continue;
      words.push(one.box);
      found.push(one);
    }
    const total = found.reduce((sum, one) => sum + one.cost, 0);
    if (total < least) {
      best = found;
      least = total;
    }
    // Who came late and found little room chooses first in the next round.
    const unlucky = new Set(found.filter((one) => one.cost > UNLUCKY).map((one) => one.request.id));
    if (unlucky.size === 0) break;
    order = [...order.filter((o) => unlucky.has(o.request.id)), ...order.filter((o) => !unlucky.has(o.request.id))];
  }
  for (const { request, box } of best) memory.set(request.id, { left: box.left, top: box.top });
  return best.map(({ request, box, crowded }) => ({ id: request.id, box, clear: crowded < GRAZE }));
}
