import assert from "node:assert/strict";
import { test } from "node:test";
import { freshView, layGrid, layLarge, LEAST, patchAt, patchBox, queryName, wrapped, type Laid, type View } from "../src/attention/layout.ts";
import { hasFull, largest, rowOf } from "../src/attention/values.ts";
import type { Box } from "../src/labels.ts";
import type { MapsLayer } from "../src/layers/maps.ts";
import { paint } from "../src/pen/maps.ts";
import { diverging, viridis } from "../src/theme.ts";

const BOX: Box = { left: 0, top: 0, right: 396, bottom: 163 };
const measure = (text: string): number => 5.9 * text.length;

function layer(layers: number, heads: number, grid: [number, number] = [8, 8], more: Partial<MapsLayer> = {}): MapsLayer {
  const prefix = 1;
  const keys = prefix + grid[0] * grid[1];
  const count = layers * heads;
  const levels = Uint8Array.from({ length: count * keys }, (_, i) => (i * 37) % 256);
  return {
    type: "maps", key: "maps", levels: { data: levels, shape: [count, keys] }, scale: new Float32Array(count).fill(0.5),
    full: { data: new Uint8Array(0), shape: [0, 0] }, full_scale: { data: new Float32Array(0), shape: [0, 0] }, signed: false,
    layers: Array.from({ length: layers }, (_, i) => String(i + 1)), heads, said: Array.from({ length: layers }, () => "0.86"),
    entropy: new Float32Array(count), distance: new Float32Array(count), sinks: new Float32Array(count),
    rollout: new Uint8Array(keys).fill(9), rollout_scale: 0.1, grid, prefix, query: "CLS",
    picture: { data: new Uint8Array(12), shape: [2, 2, 3] }, caption: ["image 37", "8 × 8"], item: "37", items: ["37", "5"],
    show: "now", shows: ["now"], ends: ["0", "max"], refused: "", ...more,
  };
}

function lay(one: MapsLayer, view: Partial<View> = {}, box = BOX): Laid {
  return layGrid(one, box, { ...freshView(), ...view }, 1, measure);
}

function apart(laid: Laid): void {
  const boxes = laid.cells.map((cell) => cell.box);
  boxes.forEach((a, i) => {
    for (const b of boxes.slice(i + 1)) assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top);
  });
}

for (const [layers, heads] of [[1, 1], [4, 6], [12, 12], [24, 16], [6, 12], [3, 64]] as const) {
  for (const width of [270, 396, 1200]) {
    test(`${layers} x ${heads} maps at ${width} px lie beside each other, inside, and no row is lower than its number`, () => {
      const laid = lay(layer(layers, heads), {}, { ...BOX, right: width });
      apart(laid);
      for (const { box } of laid.cells) assert.ok(box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= BOX.bottom);
      const numbers = laid.words.filter((word) => word.align === "end" && word.text === "0.86").map((word) => word.y);
      numbers.slice(1).forEach((y, i) => assert.ok(y - numbers[i]! >= LEAST - 1e-9));
      assert.equal(laid.cells.filter((cell) => cell.index >= 0).length, laid.rows * laid.columns);
    });
  }
}

test("maps keep the shape of the grid of patches", () => {
  const { box } = lay(layer(2, 3, [4, 8])).cells[0]!;
  assert.ok(Math.abs((box.right - box.left) / (box.bottom - box.top) - 2) < 1e-9);
});

test("too many layers: as many as fit are in view, which ones is said, and the keys bring theirs into view", () => {
  const top = lay(layer(24, 16));
  assert.ok(top.rows < 24);
  assert.ok(top.words.some((word) => word.text.startsWith("layers 1–")));
  const low = lay(layer(24, 16), { inGrid: true, row: 23 });
  assert.equal(Math.max(...low.cells.map((cell) => cell.row)), 23);
  assert.equal(low.cells[0]!.index, (24 - low.rows) * 16);
  assert.ok(lay(layer(24, 16), { firstRow: 99 }).cells[0]!.row === 24 - low.rows);
});

test("a sequence has one row of tokens and no picture", () => {
  const laid = lay(layer(6, 12, [1, 12], { picture: { data: new Uint8Array(0), shape: [0, 0, 3] }, prefix: 0 }));
  assert.equal(laid.picture, null);
  apart(laid);
});

test("one map large has its item beside it, at the same size", () => {
  const laid = layLarge(layer(4, 6), BOX, { ...freshView(), open: 8 }, ["entropy 0.71"], measure);
  const [cell] = laid.cells;
  assert.deepEqual([cell!.index, cell!.row, cell!.column], [8, 1, 2]);
  assert.ok(Math.abs(cell!.box.right - cell!.box.left - (laid.picture!.right - laid.picture!.left)) < 1e-9);
  assert.ok(laid.words.some((word) => word.text === "layer 2, head 3"));
  assert.ok(laid.words.some((word) => word.text === "entropy 0.71"));
});

test("a patch is found where it lies", () => {
  const box: Box = { left: 10, top: 20, right: 90, bottom: 60 };
  for (let patch = 0; patch < 32; patch++) {
    const at = patchBox([4, 8], box, patch);
    assert.equal(patchAt([4, 8], box, (at.left + at.right) / 2, (at.top + at.bottom) / 2), patch);
  }
  assert.equal(patchAt([4, 8], box, 9.9, 30), -1);
  assert.equal(patchAt([4, 8], box, 50, 60), -1);
});

test("bytes are shares again, signed ones around 128, and a head that is not there is none", () => {
  const one = layer(1, 2, [1, 2], { scale: Float32Array.of(0.5, NaN) });
  const bytes = one.levels.data as Uint8Array;
  bytes.set([0, 255, 51, 1, 2, 3]);
  assert.deepEqual([...rowOf(one, 0, null)!].map((v) => +v.toFixed(6)), [0, 0.5, 0.1]);
  assert.equal(rowOf(one, 1, null), null);
  bytes.set([128, 255, 1]);
  assert.deepEqual([...rowOf({ ...one, signed: true }, 0, null)!], [0, 0.5, -0.5]);
  assert.ok(Math.abs(rowOf(one, -1, 5)![0]! - (9 / 255) * 0.1) < 1e-12);
});

test("with the full maps the row of a query is its own; without them the usual one stays", () => {
  const full = { data: Uint8Array.from({ length: 2 * 9 }, (_, i) => 14 * i), shape: [2, 9] as [number, number] };
  const scales = { data: Float32Array.from({ length: 6 }, (_, i) => i + 1), shape: [2, 3] as [number, number] };
  const one = layer(1, 2, [1, 2], { full, full_scale: scales });
  assert.ok(hasFull(one));
  const row = rowOf(one, 1, 2)!;
  assert.deepEqual([...row].map((v) => v.toFixed(9)), [15, 16, 17].map((k) => ((14 * k) / 255 * 6).toFixed(9)));
  assert.deepEqual(rowOf(layer(1, 2, [1, 2]), 1, 2), rowOf(layer(1, 2, [1, 2]), 1, null));
});

test("each map is coloured from 0 to its own largest patch; the tokens before the patches do not count", () => {
  const one = layer(1, 1, [1, 2]);
  const sheet = new Uint8ClampedArray(8);
  assert.equal(largest(Float64Array.of(0.9, 0, 0.2), 1), 0.2);
  paint(one, Float64Array.of(0.9, 0, 0.2), false, sheet, 0);
  const rgb = (from: number): string => `rgb(${sheet[from]}, ${sheet[from + 1]}, ${sheet[from + 2]})`;
  assert.deepEqual([rgb(0), rgb(4)], [viridis(0, false), viridis(1, false)]);
  paint({ ...one, signed: true }, Float64Array.of(0.9, -0.2, 0.2), true, sheet, 0);
  assert.deepEqual([rgb(0), rgb(4)], [diverging(-1, true), diverging(1, true)]);
});

test("a query is called by its place", () => {
  const one = layer(1, 1);
  assert.equal(queryName(one, null), "CLS");
  assert.equal(queryName(one, 0), "token 0");
  assert.equal(queryName(one, 1), "row 1, column 1");
  assert.equal(queryName(one, 13), "row 2, column 5");
  assert.equal(queryName(layer(1, 1, [1, 12]), 3), "token 3 of 12");
});

test("long captions are broken between words", () => {
  assert.deepEqual(wrapped("query: mean of queries", 70, measure), ["query: mean", "of queries"]);
  assert.deepEqual(wrapped("", 70, measure), []);
});
