import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cells, NOTHING, paint, STOPS, table } from "../src/pen/heat.ts";
import { viridis } from "../src/theme.ts";

declare const FRONT: string;

const rgb = (part: number, dark = false): number[] => viridis(part, dark).match(/\d+/g)!.map(Number);

test("every stop has the colour of the sequence, on both grounds", () => {
  for (const dark of [false, true]) {
    const found = table(dark);
    for (const stop of [0, 1, 100, STOPS]) {
      assert.deepEqual([...found.slice(3 * stop, 3 * stop + 3)], rgb(stop / STOPS, dark));
    }
  }
});

test("a pixel belongs to the cell its middle lies in, whichever way the edges go", () => {
  assert.deepEqual([...cells([0, 2, 5], 6)], [0, 0, 1, 1, 1, -1]);
  assert.deepEqual([...cells([5, 2, 0], 6)], [1, 1, 0, 0, 0, -1]);
  assert.deepEqual([...cells([-3, 1.4, 1.6], 3)], [0, 1, -1]);
});

test("cells are painted where they lie, and the ground shows where there is no value", () => {
  const rows = [Uint8Array.of(0, NOTHING, STOPS), Uint8Array.of(127, 5, NOTHING)];
  const pixels = paint(rows, Int32Array.of(0, 0, 1, 2, -1), Int32Array.of(0, 1, -1), false);
  const pixel = (x: number, y: number): number[] => [...pixels.slice(4 * (5 * y + x), 4 * (5 * y + x) + 4)];
  assert.deepEqual(pixel(0, 0), [...rgb(0), 255]);
  assert.deepEqual(pixel(1, 0), pixel(0, 0));
  assert.equal(pixel(2, 0)[3], 0);
  assert.deepEqual(pixel(3, 0), [...rgb(1), 255]);
  assert.equal(pixel(4, 0)[3], 0);
  assert.deepEqual(pixel(0, 1), [...rgb(127 / STOPS), 255]);
  assert.deepEqual(pixel(2, 1), [...rgb(5 / STOPS), 255]);
  assert.equal(pixel(3, 1)[3], 0);
  assert.equal(pixel(0, 2)[3], 0);
});

test("a missing number is no value either", () => {
  const pixels = paint([[null, 7]], Int32Array.of(0, 1), Int32Array.of(0), true);
  assert.equal(pixels[3], 0);
  assert.deepEqual([...pixels.slice(4, 7)], rgb(7 / STOPS, true));
});

test("a curve over the colours has the same fields on both sides, and the same numbers stand for the ends", () => {
  const python = readFileSync(join(FRONT, "..", "vergence_widgets", "panels", "layers", "heat.py"), "utf-8");
  const twin = readFileSync(join(FRONT, "src", "layers", "heat.ts"), "utf-8");
  const over = /^class Over:\n([\s\S]*?)^@dataclass/m.exec(python)?.[1] ?? "";
  const curve = /^export interface HeatCurve \{\n([\s\S]*?)^\}/m.exec(twin)?.[1] ?? "";
  const fields = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((m) => m[1]!).sort();
  assert.deepEqual(fields(curve, /^ {2}(\w+): /gm), fields(over, /^ {4}(\w+): /gm));
  assert.ok(python.includes(`STOPS = ${STOPS}\n`));
  assert.ok(python.includes(`NOTHING = ${NOTHING}\n`));
});
