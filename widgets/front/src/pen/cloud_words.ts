/* Words and pictures on a map: class names where there is room, a few items as pictures, the scale bar. */

import { stamp } from "../assets.ts";
import { tick } from "../format.ts";
import { meets, type Box } from "../labels.ts";
import { kindOf, middles, roundLength, type Shown } from "./cloud_map.ts";
import { outline } from "./cloud_shapes.ts";
import { font, LINE, letters, type Stage } from "./stage.ts";

/** Room under the map for the scale bar. */
export const SCALE_ROW = 17;
const EACH = 3;
const MOST_PICTURES = 27;
const LEAST_PICTURES = 3;
/** Pictures cover marks; so much of the map at most. */
const COVERED = 0.2;
const APART = 5;
const INNER = 0.9;
/** A map that stands alone has room for larger pictures. */
const TALL = 300;
const SHAPE_ROOM = 13;
/** How far from the middle of its class a name may stand. */
const FAR = 84;
const RINGS = 7;
const SPOKES = 16;
/** Of how many items at most it is asked whose crowd a name stands in, and how many of them decide. */
const ASKED = 1200;
const NEAREST = 6;

type Middles = ReturnType<typeof middles>;

/** Puts pictures of a few items near the middle of each class; those of the last drawing stay where they can. */
export function drawPictures(stage: Stage, shown: Shown, centres: Middles, before: readonly number[]): void {
  const asset = stage.asset(shown.layer.asset);
  if (asset === null || asset.sheet === null) return;
  const { frame, toX, toY, px, py } = shown;
  const side = pictureSide(frame);
  const half = side / 2;
  let left = Math.max(LEAST_PICTURES, Math.min(MOST_PICTURES, Math.floor((COVERED * extent(toX, toY)) / side ** 2)));
  const kept = new Set(before);
  const taken: Box[] = [];
  const queues = centres.map((centre) => (centre === null ? [] : fromTheMiddle(centre, toX, toY, kept)));
  // One of each class before a second of any.
  for (let round = 0; round < EACH; round++) {
    for (const queue of queues) {
      for (let i = queue.shift(); i !== undefined && left > 0; i = queue.shift()) {
        const box = { left: toX[i]! - half, top: toY[i]! - half, right: toX[i]! + half, bottom: toY[i]! + half };
        const within =
          box.left >= frame.left && box.top >= frame.top && box.right <= frame.right && box.bottom <= frame.bottom;
        if (!within || taken.some((other) => meets(box, other, APART))) continue;
        if (!paintPicture(stage, shown, i, px[i]!, py[i]!)) continue;
        taken.push(box);
        shown.pictured.push(i);
        stage.ink.disc(toX[i]!, toY[i]!, half + 1);
        left -= 1;
        break;
      }
    }
  }
}

/** The items of a class that may stand for it, from the middle outwards; those that stood for it before come first. */
function fromTheMiddle(
  centre: NonNullable<Middles[number]>,
  x: Float64Array,
  y: Float64Array,
  kept: ReadonlySet<number>,
): number[] {
  const near = thinned(centre.items, ASKED / 4)
    .map((i) => ({ i, far: Math.hypot(x[i]! - centre.x, y[i]! - centre.y) }))
    .sort((a, b) => a.far - b.far);
  // Not the outermost: what stands far out says little of its class.
  const inner = near.slice(0, Math.max(1, Math.ceil(near.length * INNER))).map(({ i }) => i);
  return [...inner.filter((i) => kept.has(i)), ...inner.filter((i) => !kept.has(i))];
}

/** At most so many of them, scattered: every second one may be all of one class. */
function thinned(items: readonly number[], most: number): readonly number[] {
  const n = items.length;
  if (n <= most) return items;
  return Array.from({ length: most }, (_, j) => items[Math.floor(((j * 0.6180339887) % 1) * n)]!);
}

/** The area that nine of ten items take up on each axis, in square pixels. */
function extent(x: Float64Array, y: Float64Array): number {
  const spread = (values: Float64Array): number => {
    const real = Float64Array.from(thinned([...values.keys()], ASKED), (i) => values[i]!)
      .filter(Number.isFinite)
      .sort();
    return real.length === 0
      ? 0
      : real[Math.floor(0.95 * (real.length - 1))]! - real[Math.floor(0.05 * (real.length - 1))]!;
  };
  return spread(x) * spread(y);
}

function pictureSide(frame: Box): number {
  return frame.bottom - frame.top > TALL ? 26 : 18;
}

function paintPicture(stage: Stage, shown: Shown, item: number, x: number, y: number): boolean {
  const { ctx, tokens, ratio } = stage;
  const side = pictureSide(shown.frame);
  const left = Math.round((x - side / 2) * ratio) / ratio;
  const top = Math.round((y - side / 2) * ratio) / ratio;
  ctx.fillStyle = tokens.ground;
  ctx.fillRect(left, top, side, side);
  if (!stamp(ctx, stage.asset(shown.layer.asset), item, left + 1, top + 1, side - 2, side - 2)) return false;
  ctx.strokeStyle = tokens.rule;
  ctx.lineWidth = 0.75;
  ctx.strokeRect(left, top, side, side);
  return true;
}

/** The name of each class beside its middle: left out where nothing near is free, for the list of classes has it. */
export function nameClasses(
  stage: Stage,
  shown: Shown,
  centres: Middles,
  named: readonly number[],
  homes: Map<number, Box>,
): void {
  const taken: Box[] = [];
  const asked = thinned([...shown.toX.keys()], ASKED);
  const ranked = named
    .filter((k) => centres[k] != null)
    .sort((a, b) => centres[b]!.items.length - centres[a]!.items.length);
  for (const k of ranked) {
    const centre = centres[k]!;
    const text = shorten(shown.layer.kinds[k]!, stage, Math.min(140, shown.frame.right - shown.frame.left - 20));
    const width = SHAPE_ROOM + stage.measure(text, true);
    const home = freeSpot(stage, shown, centre, k, width, taken, homes.get(k), asked);
    if (home === null) {
      homes.delete(k);
      continue;
    }
    taken.push(home);
    // Kept beside its class, not on the page: where the class moves, its name moves along.
    homes.set(k, { left: home.left - centre.x, top: home.top - centre.y, right: 0, bottom: 0 });
    const mark = shown.marks[k]!;
    stage.words.push({
      id: `${stage.key}/class/${k}`,
      text,
      color: stage.tokens.ink,
      bold: true,
      width,
      height: LINE,
      places: [{ left: home.left, top: home.top, cost: 0 }],
      rank: 40,
      tie: null,
      optional: true,
      paint: (ctx, box) => {
        const y = (box.top + box.bottom) / 2;
        ctx.setLineDash([]);
        ctx.lineJoin = "round";
        ctx.strokeStyle = stage.tokens.ground;
        ctx.lineWidth = 3;
        outline(ctx, mark.shape, box.left + 5, y, 3.6);
        ctx.stroke();
        ctx.fillStyle = mark.color;
        ctx.fill();
        ctx.font = font(stage.tokens, true);
        ctx.fillStyle = stage.tokens.ink;
        letters(ctx, text, box.left + SHAPE_ROOM, box.bottom - 3, stage.ratio, true);
      },
    });
  }
}

/** A name that is too long for the map ends in an ellipsis; the whole of it is in the list of classes. */
function shorten(text: string, stage: Stage, most: number): string {
  if (stage.measure(text, true) <= most) return text;
  let end = text.length - 1;
  while (end > 1 && stage.measure(`${text.slice(0, end)}…`, true) > most) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

function freeSpot(
  stage: Stage,
  shown: Shown,
  centre: NonNullable<Middles[number]>,
  k: number,
  width: number,
  taken: readonly Box[],
  last: Box | undefined,
  asked: readonly number[],
): Box | null {
  const { frame } = shown;
  const boxAt = (left: number, top: number): Box => ({ left, top, right: left + width, bottom: top + LINE });
  const free = (box: Box): boolean => {
    if (box.left < frame.left + 3 || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom)
      return false;
    if (taken.some((other) => meets(box, other, 4))) return false;
    return stage.ink.under({ left: box.left - 2, top: box.top, right: box.right + 2, bottom: box.bottom }) === 0;
  };
  if (last !== undefined) {
    const box = boxAt(centre.x + last.left, centre.y + last.top);
    if (free(box) && amongOwn(box, shown, k, asked)) return box;
  }
  for (let ring = 0; ring <= RINGS; ring++) {
    const reach = (ring / RINGS) * FAR;
    for (let spoke = 0; spoke < (ring === 0 ? 1 : SPOKES); spoke++) {
      const angle = -Math.PI / 2 + (spoke % 2 === 0 ? 1 : -1) * Math.ceil(spoke / 2) * ((2 * Math.PI) / SPOKES);
      const x = centre.x + (reach + (ring === 0 ? 0 : (width / 2) * Math.abs(Math.cos(angle)))) * Math.cos(angle);
      const y = centre.y + reach * Math.sin(angle);
      const box = boxAt(x - width / 2, y - LINE / 2);
      if (free(box) && amongOwn(box, shown, k, asked)) return box;
    }
  }
  return null;
}

/* A name beside another class's crowd would be read as that one's: half of the items nearest to it must be its own. */
function amongOwn(box: Box, shown: Shown, k: number, asked: readonly number[]): boolean {
  const { layer, toX, toY } = shown;
  const gaps = new Array<number>(NEAREST).fill(Infinity);
  const own = new Array<boolean>(NEAREST).fill(false);
  for (const i of asked) {
    const across = Math.max(box.left - toX[i]!, 0, toX[i]! - box.right);
    const down = Math.max(box.top - toY[i]!, 0, toY[i]! - box.bottom);
    const gap = Math.hypot(across, down);
    if (!(gap < gaps[NEAREST - 1]!)) continue;
    let at = NEAREST - 1;
    for (; at > 0 && gaps[at - 1]! > gap; at--) {
      gaps[at] = gaps[at - 1]!;
      own[at] = own[at - 1]!;
    }
    gaps[at] = gap;
    own[at] = kindOf(layer, i) === k;
  }
  const counted = gaps.filter(Number.isFinite).length;
  return own.filter(Boolean).length * 2 >= Math.min(counted, NEAREST);
}

/** A length of the map in its own units, for there are no axes. */
export function drawScaleBar(stage: Stage, perUnit: number, bottom: number): void {
  const { ctx, tokens, ratio, box } = stage;
  const length = roundLength(Math.max(1, Math.min(90, (box.right - box.left) / 4)) / perUnit);
  const wide = length * perUnit;
  const y = Math.round((bottom - 6) * ratio) / ratio;
  const left = box.left + 4;
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.second;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(left + wide, y);
  for (const x of [left, left + wide]) {
    ctx.moveTo(x, y - 3);
    ctx.lineTo(x, y + 3);
  }
  ctx.stroke();
  const text = `${tick(length)} on both axes`;
  stage.words.push({
    id: `${stage.key}/scale`,
    text,
    color: tokens.second,
    bold: false,
    width: stage.measure(text),
    height: LINE,
    places: [{ left: left + wide + 6, top: bottom - LINE + 1, cost: 0 }],
    rank: 100,
    tie: null,
  });
}
