/* An item as the reader meets it: picture, name, class. Names may hold anything; they are only ever text. */

import { stamp, type Asset } from "../assets.ts";
import { h } from "../dom.ts";
import { count } from "../format.ts";
import { kindOf, type Shown } from "../pen/cloud_map.ts";
import { outline, type Mark } from "../pen/cloud_shapes.ts";

/** What an item is called: its own name, or its number. */
export function nameOf(shown: Shown, asset: Asset | null, item: number): string {
  return asset?.names[item] || shown.layer.names[item] || numberOf(item);
}

export function numberOf(item: number): string {
  return `item ${count(item)}`;
}

/** What an item's class is called; "" for one of none. */
export function classOf(shown: Shown, item: number): string {
  return shown.layer.kinds[kindOf(shown.layer, item)] ?? "";
}

/** The picture of an item, pixel for pixel as it lies in the sheet; null when there is none. Style gives its size. */
export function picture(asset: Asset | null, item: number): HTMLCanvasElement | null {
  if (asset === null || asset.sheet === null || item >= asset.count) return null;
  const canvas = h("canvas", { class: "vg-tile", width: asset.width, height: asset.height, "aria-hidden": "true" });
  const ctx = canvas.getContext("2d");
  if (ctx === null || !stamp(ctx, asset, item, 0, 0, asset.width, asset.height)) return null;
  // A picture of a few pixels is shown as the pixels it has.
  canvas.classList.toggle("vg-coarse", asset.width < 20);
  return canvas;
}

/** The mark of a class, beside words. */
export function markOf(mark: Mark, ratio: number): HTMLCanvasElement {
  const side = 11;
  const canvas = h("canvas", {
    class: "vg-mark",
    width: Math.round(side * ratio),
    height: Math.round(side * ratio),
    "aria-hidden": "true",
  });
  const ctx = canvas.getContext("2d");
  if (ctx !== null) {
    ctx.scale(ratio, ratio);
    outline(ctx, mark.shape, side / 2, side / 2, 3.6);
    ctx.fillStyle = mark.color;
    ctx.fill();
  }
  return canvas;
}
