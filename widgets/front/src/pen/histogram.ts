/* The ground under a curve, as for a histogram: faint, so that two overlapping ones can both be read.
 * And the space between a curve and its reference, fainter still. */

import type { Color } from "../spec.ts";
import type { Path } from "./line.ts";
import type { Stage } from "./stage.ts";

export function fillUnder(stage: Stage, path: Path, parts: readonly [number, number][], color: string, name: Color): void {
  const { ctx, box } = stage;
  const floor = Math.min(box.bottom, Math.max(box.top, stage.y.to(Math.max(0, stage.y.low))));
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.clip();
  ctx.globalAlpha = name === "positive" || name === "negative" ? 0.16 : 0.06;
  ctx.fillStyle = color;
  ctx.beginPath();
  for (const [from, to] of parts) {
    ctx.moveTo(path.px[from]!, floor);
    for (let i = from; i < to; i++) ctx.lineTo(path.px[i]!, path.py[i]!);
    ctx.lineTo(path.px[to - 1]!, floor);
    ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}

/* Height of a path at a place, between its points. */
function heightAt(path: Path, x: number): number {
  const n = path.px.length;
  if (n === 0) return NaN;
  if (x <= path.px[0]!) return path.py[0]!;
  for (let i = 1; i < n; i++) {
    if (path.px[i]! < x) continue;
    const span = path.px[i]! - path.px[i - 1]!;
    const part = span > 0 ? (x - path.px[i - 1]!) / span : 1;
    return path.py[i - 1]! + part * (path.py[i]! - path.py[i - 1]!);
  }
  return path.py[n - 1]!;
}

/** Tints what lies between a curve and another: the part of a loss that is still to be gained. */
export function tintTo(stage: Stage, path: Path, parts: readonly [number, number][], other: Path): void {
  const { ctx, box, tokens } = stage;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.clip();
  ctx.globalAlpha = tokens.dark ? 0.07 : 0.045;
  ctx.fillStyle = tokens.ink;
  ctx.beginPath();
  for (const [from, to] of parts) {
    const left = path.px[from]!;
    const right = path.px[to - 1]!;
    ctx.moveTo(left, path.py[from]!);
    for (let i = from + 1; i < to; i++) ctx.lineTo(path.px[i]!, path.py[i]!);
    ctx.lineTo(right, heightAt(other, right));
    for (let i = other.px.length - 1; i >= 0; i--) {
      if (other.px[i]! > left && other.px[i]! < right) ctx.lineTo(other.px[i]!, other.py[i]!);
    }
    ctx.lineTo(left, heightAt(other, left));
    ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}
