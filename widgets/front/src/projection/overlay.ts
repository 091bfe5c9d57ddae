/* What lies over the map and follows the reader's hand: rings, the lines to an item's kin, the lasso. */

import { kindOf, linksOf, matesOf, type Shown } from "../pen/cloud_map.ts";
import { MOST_LINKS } from "../pen/cloud.ts";
import { outline } from "../pen/cloud_shapes.ts";
import type { Tokens } from "../theme.ts";
import type { Point } from "./lasso.ts";

export interface Hand {
  chosen: ReadonlySet<number>;
  /** Under the pointer, or where the keys are; −1: nothing. */
  item: number;
  /** The keys are at `item`. */
  pointing: boolean;
  lasso: readonly Point[];
}

const MOST_RIMS = 4000;

export class Overlay {
  readonly canvas = document.createElement("canvas");

  constructor() {
    this.canvas.className = "vg-hand";
    this.canvas.setAttribute("aria-hidden", "true");
  }

  /** Takes the size and place of the canvas under it. */
  fit(lower: HTMLCanvasElement): void {
    const { canvas } = this;
    if (canvas.width !== lower.width) canvas.width = lower.width;
    if (canvas.height !== lower.height) canvas.height = lower.height;
    for (const name of ["width", "height", "left", "top"] as const) {
      if (canvas.style[name] !== lower.style[name]) canvas.style[name] = lower.style[name];
    }
  }

  draw(shown: Shown, tokens: Tokens, ratio: number, hand: Hand): void {
    const ctx = this.canvas.getContext("2d");
    if (ctx === null) return;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    kinship(ctx, shown, tokens, hand);
    rims(ctx, shown, [...hand.chosen].slice(0, MOST_RIMS), tokens);
    if (hand.item >= 0) {
      circles(ctx, shown, [hand.item], shown.radius + 4.5, tokens.ground, 4);
      circles(
        ctx,
        shown,
        [hand.item],
        shown.radius + 4.5,
        hand.pointing ? tokens.action : tokens.ink,
        hand.pointing ? 2 : 1.5,
      );
    }
    lasso(ctx, hand.lasso, tokens);
  }
}

function circles(
  ctx: CanvasRenderingContext2D,
  shown: Shown,
  items: readonly number[],
  radius: number,
  color: string,
  width: number,
): void {
  ctx.beginPath();
  for (const i of items) {
    const x = shown.px[i];
    const y = shown.py[i];
    if (x === undefined || y === undefined || !Number.isFinite(x)) continue;
    ctx.moveTo(x + radius, y);
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.stroke();
}

/** A rim along the shape of each chosen mark: a ring would cover its neighbours in a crowd. */
function rims(ctx: CanvasRenderingContext2D, shown: Shown, items: readonly number[], tokens: Tokens): void {
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1.25;
  ctx.lineJoin = "round";
  for (const i of items) {
    const x = shown.px[i];
    if (x === undefined || !Number.isFinite(x)) continue;
    const kind = kindOf(shown.layer, i);
    outline(ctx, shown.marks[kind < 0 ? shown.layer.kinds.length : kind]!.shape, x, shown.py[i]!, shown.radius + 0.75);
    ctx.stroke();
  }
}

/** Lines to those that show the same thing. Where there are too many links to draw all, also those of chosen items. */
function kinship(ctx: CanvasRenderingContext2D, shown: Shown, tokens: Tokens, hand: Hand): void {
  const { px, py, layer } = shown;
  const mates = hand.item >= 0 ? matesOf(layer, hand.item) : [];
  const lines: [number, number][] = mates.map((mate) => [hand.item, mate]);
  const links = linksOf(layer);
  if (hand.chosen.size > 0 && links.length > MOST_LINKS) {
    for (const [a, b] of links)
      if (lines.length < MOST_LINKS && (hand.chosen.has(a) || hand.chosen.has(b))) lines.push([a, b]);
  }
  if (lines.length === 0) return;
  ctx.beginPath();
  for (const [a, b] of lines) {
    if (!Number.isFinite(px[a]) || !Number.isFinite(px[b])) continue;
    ctx.moveTo(px[a]!, py[a]!);
    ctx.lineTo(px[b]!, py[b]!);
  }
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1;
  ctx.stroke();
  circles(ctx, shown, mates, shown.radius + 2, tokens.ink, 1);
}

function lasso(ctx: CanvasRenderingContext2D, line: readonly Point[], tokens: Tokens): void {
  if (line.length < 2) return;
  ctx.beginPath();
  line.forEach((p, i) => (i === 0 ? ctx.moveTo(p.x, p.y) : ctx.lineTo(p.x, p.y)));
  ctx.closePath();
  ctx.fillStyle = tokens.action;
  ctx.globalAlpha = 0.08;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.strokeStyle = tokens.action;
  ctx.lineWidth = 1.5;
  ctx.stroke();
}
