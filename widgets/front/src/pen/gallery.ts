/* Pairs of pictures: title, two tiles side by side, a stroke that says positive or negative, the cosine then and now. */

import type { GalleryLayer } from "../layers/gallery.ts";
import type { Block } from "../spec.ts";
import { shortened } from "./bars.ts";
import { font, letters, SMALL, type Pen, type Stage } from "./stage.ts";

const TITLE = 13;
const UNDER = 16;
const MOST_TILE = 32;
const MOST_CELL = 104;
const GAP = 2;

/** Where one pair stands on the panel's canvas, in CSS pixels; what a pointer finds and a test reads back. */
export interface PairPlace {
  list: string;
  index: number;
  left: number;
  top: number;
  tile: number;
  /** px of each picture as drawn: a whole multiple of its own where that fits. */
  width: number;
  height: number;
  said: string;
  words: [string, string];
}

/** Under this name the places stand in `stage.local`, one list for each row of pairs. */
export const PLACES = "pairs";

/** How large a picture of so many pixels is drawn on a tile: by whole numbers if it is small, so that it stays sharp. */
export function fitted(width: number, height: number, tile: number): [number, number] {
  const times = tile / Math.max(1, width, height);
  const whole = times >= 1 ? Math.floor(times) : times;
  return [Math.max(1, Math.round(width * whole)), Math.max(1, Math.round(height * whole))];
}

/** Cosine then and now, as it stands under a pair. */
export function said(words: [string, string]): string {
  return words[1] === "" ? words[0] : `${words[1].replace(/^was /, "")} → ${words[0]}`;
}

export const drawGallery: Pen<GalleryLayer> = (stage, layer) => {
  const { ctx, box, tokens, ratio } = stage;
  const { left, top } = box;
  const wide = box.right - left;
  const color = layer.kind === "positive" ? tokens.positiveText : tokens.negativeText;
  const places: PairPlace[] = [];
  ctx.save();
  ctx.font = font(tokens);
  ctx.fillStyle = color;
  letters(ctx, shortened(stage, layer.title, wide), left, top + SMALL, ratio);
  if (layer.empty !== "") {
    ctx.fillStyle = tokens.second;
    letters(ctx, shortened(stage, layer.empty, wide), left, top + TITLE + 20, ratio);
  }
  const tile = Math.round(Math.min(MOST_TILE, box.bottom - top - TITLE - UNDER));
  const count = layer.now.length;
  const widths = layer.said.map((words) => numbers(stage, words, null));
  const need = Math.max(2 * tile + GAP, ...widths) + 4;
  const fits = Math.max(1, Math.min(count, Math.floor((wide + 4) / need)));
  const cell = Math.min(MOST_CELL, wide / Math.max(fits, Math.min(5, Math.floor((wide + 4) / need))));
  for (let i = 0; i < fits && count > 0; i++) {
    // On whole device pixels: a picture that begins between two of them is blurred.
    const x = Math.round((left + i * cell) * ratio) / ratio;
    const y = Math.round((top + TITLE + 1) * ratio) / ratio;
    const [width, height] = fitted(layer.first.shape[2] ?? 0, layer.first.shape[1] ?? 0, tile);
    drawTile(stage, layer.first, i, layer.marks[i]?.[0] ?? "", x, y, tile);
    drawTile(stage, layer.second, i, layer.marks[i]?.[1] ?? "", x + tile + GAP, y, tile);
    stroke(stage, layer.kind, x, y + tile + 2.5, 2 * tile + GAP);
    numbers(stage, layer.said[i] ?? ["", ""], { x, y: y + tile + 14 });
    places.push({
      list: layer.key, index: i, left: x, top: y, tile, width, height, said: said(layer.said[i] ?? ["", ""]), words: layer.words[i] ?? ["", ""],
    });
  }
  ctx.restore();
  const all = (stage.local.get(PLACES) as Record<string, PairPlace[]> | undefined) ?? {};
  stage.local.set(PLACES, { ...all, [layer.key]: places });
  // Nothing here is read off an axis, so the crosshair stays away.
  stage.traces.push({
    key: "tiles", name: "tiles", role: "dots", color, px: Float64Array.of(NaN), py: Float64Array.of(NaN),
    value: Float64Array.of(NaN), valueName: "", ordered: false, readable: false,
  });
};

function drawTile(stage: Stage, block: Block, index: number, mark: string, x: number, y: number, tile: number): void {
  const { ctx, tokens, ratio } = stage;
  const [, height = 0, width = 0] = block.shape;
  if (width === 0 || height === 0) {
    ctx.strokeStyle = tokens.hairline;
    ctx.lineWidth = 1;
    ctx.setLineDash([]);
    ctx.strokeRect(x + 0.5, y + 0.5, tile - 1, tile - 1);
    ctx.fillStyle = tokens.second;
    const text = shortened(stage, mark, tile - 4);
    letters(ctx, text, x + (tile - stage.measure(text)) / 2, y + tile / 2 + SMALL / 2 - 1.5, ratio);
    return;
  }
  const picture = document.createElement("canvas");
  picture.width = width;
  picture.height = height;
  const own = picture.getContext("2d");
  if (own === null) return;
  const pixels = own.createImageData(width, height);
  const from = index * width * height * 3;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Number(block.data[from + 3 * i + c] ?? 0);
    pixels.data[4 * i + 3] = 255;
  }
  own.putImageData(pixels, 0, 0);
  const [w, h] = fitted(width, height, tile);
  // A drawing on white would have no edge on a white page.
  ctx.strokeStyle = tokens.hairline;
  ctx.lineWidth = 1;
  ctx.setLineDash([]);
  ctx.strokeRect(x - 0.5, y - 0.5, w + 1, h + 1);
  ctx.imageSmoothingEnabled = w < width;
  ctx.drawImage(picture, x, y, w, h);
}

function stroke(stage: Stage, kind: GalleryLayer["kind"], x: number, y: number, length: number): void {
  const { ctx, tokens } = stage;
  ctx.strokeStyle = kind === "positive" ? tokens.positive : tokens.negative;
  ctx.lineWidth = 2;
  ctx.setLineDash(kind === "positive" ? [] : [5, 3]);
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x + length, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** The past in the second ink, the present in bold; how wide that is. Without a place nothing is drawn. */
function numbers(stage: Stage, words: [string, string], at: { x: number; y: number } | null): number {
  const { ctx, tokens, ratio } = stage;
  const past = words[1].replace(/^was /, "");
  const parts: [string, boolean][] = past === "" ? [[words[0], true]] : [[past, false], ["→", false], [words[0], true]];
  let along = 0;
  for (const [text, bold] of parts) {
    if (at !== null) {
      ctx.font = font(tokens, bold);
      ctx.fillStyle = bold ? tokens.ink : tokens.second;
      letters(ctx, text, at.x + along, at.y, ratio);
    }
    along += stage.measure(text, bold) + 2;
  }
  return along - 2;
}
