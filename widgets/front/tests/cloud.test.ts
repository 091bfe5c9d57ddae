import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CloudLayer } from "../src/layers/cloud.ts";
import {
  between,
  coloured,
  differs,
  eased,
  equalScales,
  kindOf,
  linksOf,
  marksOf,
  matesOf,
  middles,
  MOVE_MS,
  radiusFor,
  roundLength,
  sizes,
} from "../src/pen/cloud_map.ts";
import { corners, distance, REACH, SHAPES, SIZE } from "../src/pen/cloud_shapes.ts";
import { choicesOf } from "../src/projection/choices.ts";
import type { Axis, Panel } from "../src/spec.ts";
import type { Tokens } from "../src/theme.ts";

declare const FRONT: string;

const TOKENS = { classes: ["a", "b", "c", "d", "e", "f", "g", "h"], ghost: "grey" } as unknown as Tokens;
const axis = (low: number, high: number): Axis => ({
  name: "",
  low,
  high,
  ticks: [],
  tick_labels: null,
  scale: "linear",
  quantity: "",
});
const BOX = { left: 10, top: 20, right: 310, bottom: 120 };

function layer(more: Partial<CloudLayer> = {}): CloudLayer {
  const base = {
    type: "cloud",
    key: "items",
    x: [0, 1, 2],
    y: [0, 1, 2],
    kind: [0, 1, -1],
    kinds: ["p", "q"],
    asset: "",
    tried: "group",
    choices: [],
    names: [],
  };
  return { ...base, links: { data: [], shape: [0, 2] }, ...more } as CloudLayer;
}

/* ---- shapes ---- */

test("the outline of a shape is where its distance is nought", () => {
  for (const shape of SHAPES) {
    const points =
      corners(shape) ?? Array.from({ length: 32 }, (_, i): [number, number] => [Math.cos(i / 5), Math.sin(i / 5)]);
    points.forEach(([x, y], i) => {
      const [nx, ny] = points[(i + 1) % points.length]!;
      for (const part of corners(shape) === null ? [0] : [0, 0.3, 0.5, 0.9]) {
        assert.ok(
          Math.abs(distance(shape, x + (nx - x) * part, y + (ny - y) * part)) < 1e-6,
          `${shape} at ${part} of side ${i}`,
        );
      }
    });
    assert.ok(distance(shape, 0, 0) < 0, shape);
    assert.ok(
      distance(shape, REACH, REACH) > 0 && distance(shape, 0, REACH) > 0 && distance(shape, REACH, 0) > 0,
      `${shape} stays within its reach`,
    );
  }
});

test("all shapes cover about as much as the circle, and no two cover the same", () => {
  const side = 160;
  const covered = SHAPES.map((shape) => {
    const cells = new Uint8Array(side * side);
    for (let r = 0; r < side; r++) {
      for (let c = 0; c < side; c++)
        cells[r * side + c] = distance(shape, ((c + 0.5) / side) * 4 - 2, ((r + 0.5) / side) * 4 - 2) < 0 ? 1 : 0;
    }
    return cells;
  });
  const area = covered.map((cells) => (cells.reduce((sum, cell) => sum + cell, 0) * 16) / side ** 2);
  SHAPES.forEach((shape, i) =>
    assert.ok(area[i]! > 0.8 * Math.PI && area[i]! < 1.15 * Math.PI, `${shape} covers ${area[i]!.toFixed(2)}`),
  );
  for (let a = 0; a < SHAPES.length; a++) {
    for (let b = a + 1; b < SHAPES.length; b++) {
      const apart = covered[a]!.reduce((sum, cell, i) => sum + (cell === covered[b]![i] ? 0 : 1), 0) * (16 / side ** 2);
      assert.ok(apart > 0.3, `${SHAPES[a]} and ${SHAPES[b]}`);
    }
  }
});

test("the shader has a branch for each shape and the same sizes", () => {
  const source = readFileSync(join(FRONT, "src", "pen", "cloud_gl.ts"), "utf-8");
  for (let s = 1; s < SHAPES.length; s++) assert.ok(source.includes(`s == ${s}`), SHAPES[s]);
  for (const name of Object.keys(SIZE)) assert.ok(source.includes(`SIZE.${name}`), name);
});

test("colours and shapes are those of theme.py", () => {
  const python = readFileSync(join(FRONT, "..", "vergence_widgets", "theme.py"), "utf-8");
  const css = readFileSync(join(FRONT, "src", "style", "tokens.css"), "utf-8").split('[data-scheme="dark"]');
  ["light", "dark"].forEach((scheme, block) => {
    const row = new RegExp(`^CLASSES[\\s\\S]*?"${scheme}": \\(([^)]*)\\)`, "m").exec(python)?.[1] ?? "";
    const wanted = [...row.matchAll(/#\w{6}/g)].map((m) => m[0]);
    assert.equal(wanted.length, SHAPES.length);
    const given = wanted.map((_, i) => new RegExp(`--vg-class-${i}: (#\\w+);`).exec(css[block]!)?.[1]);
    assert.deepEqual(given, wanted, scheme);
  });
  const shapes = /^SHAPES[^=]*= \(([\s\S]*?)\n?\)$/m.exec(python)?.[1] ?? "";
  assert.deepEqual(
    [...shapes.matchAll(/"([^"]+)"/g)].map((m) => m[1]),
    [...SHAPES],
  );
});

/* ---- scale ---- */

test("both axes have one scale, the limits fit and stand in the middle", () => {
  const { perUnit, x, y } = equalScales(axis(-2, 4), axis(0, 4), BOX);
  assert.equal(perUnit, 25);
  assert.deepEqual(y, [0, 4]);
  assert.deepEqual(x, [-5, 7]);
  const wide = equalScales(axis(-3, 3), axis(-0.5, 0.5), BOX);
  assert.equal(wide.perUnit, 50);
  assert.deepEqual(
    [wide.x, wide.y],
    [
      [-3, 3],
      [-1, 1],
    ],
  );
});

test("limits without extent are opened by one unit, not by none", () => {
  for (const one of [equalScales(axis(2, 2), axis(2, 2), BOX), equalScales(axis(0, 0), axis(-1, 1), BOX)]) {
    assert.ok(Number.isFinite(one.perUnit) && one.perUnit > 0);
    assert.ok([...one.x, ...one.y].every(Number.isFinite));
  }
  assert.equal(equalScales(axis(2, 2), axis(2, 2), BOX).x.reduce((a, b) => a + b) / 2, 2);
});

test("a scale bar is 1, 2 or 5 of a power of ten", () => {
  const cases: [number, number][] = [
    [0.9, 0.5],
    [1, 1],
    [4.99, 2],
    [5, 5],
    [73, 50],
    [0.0123, 0.01],
    [1.9e-7, 1e-7],
  ];
  for (const [most, length] of cases) assert.equal(roundLength(most), length);
});

test("marks are smaller in a crowd and larger where there is room", () => {
  assert.ok(radiusFor(512, 220) > radiusFor(5000, 220) && radiusFor(5000, 220) > radiusFor(10_000, 220));
  assert.ok(radiusFor(512, 350) > radiusFor(512, 220));
  assert.ok(radiusFor(1e6, 100) >= 1.5);
});

/* ---- movement ---- */

test("a movement begins slowly, ends slowly and is over after its time", () => {
  assert.equal(eased(-5), 0);
  assert.equal(eased(0), 0);
  assert.equal(eased(MOVE_MS / 2), 0.5);
  assert.equal(eased(MOVE_MS), 1);
  assert.equal(eased(1e6), 1);
  assert.ok(eased(20) < 0.1 && eased(MOVE_MS - 20) > 0.9);
});

test("items travel in a straight line; one that had no place appears, one that lost it goes", () => {
  const from = Float64Array.of(0, NaN, 5);
  const to = Float64Array.of(10, 7, NaN);
  assert.deepEqual([...between(from, to, 0.25)], [2.5, 7, NaN]);
  assert.equal(between(from, to, 1), to);
});

test("a shift that nobody sees sets nothing in motion", () => {
  assert.equal(differs(Float64Array.of(1, NaN), Float64Array.of(1.1, NaN)), false);
  assert.equal(differs(Float64Array.of(1, 2), Float64Array.of(1, 2.6)), true);
});

/* ---- classes ---- */

test("up to eight classes have a colour and a shape each, in order; items of none are grey circles", () => {
  const marks = marksOf(layer(), null, TOKENS);
  assert.deepEqual(marks, [
    { shape: "circle", color: "a" },
    { shape: "square", color: "b" },
    { shape: "circle", color: "grey" },
  ]);
});

test("of more than eight classes the largest are coloured, or those that were picked", () => {
  const kinds = Array.from({ length: 12 }, (_, k) => `k${k}`);
  const kind = kinds.flatMap((_, k) => new Array<number>(k + 1).fill(k));
  const many = layer({ kinds, kind, x: kind, y: kind });
  assert.deepEqual(coloured(many, null), [4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(coloured(many, [2, 0]), [2, 0]);
  const marks = marksOf(many, [2, 0], TOKENS);
  assert.deepEqual(
    [marks[2], marks[0], marks[5]],
    [
      { shape: "circle", color: "a" },
      { shape: "square", color: "b" },
      { shape: "circle", color: "grey" },
    ],
  );
});

test("a kind without a name is none, and all are counted", () => {
  const odd = layer({ kind: [0, 7, -1], x: [1, 2, 3], y: [1, 2, 3] });
  assert.deepEqual([kindOf(odd, 0), kindOf(odd, 1), kindOf(odd, 2), kindOf(odd, 9)], [0, -1, -1, -1]);
  assert.deepEqual(sizes(odd), [1, 0, 2]);
});

test("the middle of a class is its median, and a class with no item on the map has none", () => {
  const three = layer({ kind: [0, 0, 0, 1], x: [0, 0, 0, 0], y: [0, 0, 0, 0] });
  const found = middles(three, Float64Array.of(1, 2, 90, NaN), Float64Array.of(5, 6, 7, NaN));
  assert.deepEqual([found[0]?.x, found[0]?.y, found[0]?.items], [2, 6, [0, 1, 2]]);
  assert.equal(found[1], null);
});

test("links lead to all that show the same thing, and lead nowhere else", () => {
  const data = Int32Array.from([0, 1, 1, 2, 3, 4, 9, 1, 2, 2]);
  const linked = layer({ x: [0, 0, 0, 0, 0], y: [0, 0, 0, 0, 0], links: { data, shape: [5, 2] } });
  assert.deepEqual(linksOf(linked), [
    [0, 1],
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(matesOf(linked, 0), [1, 2]);
  assert.deepEqual(matesOf(linked, 4), [3]);
  assert.deepEqual(matesOf(layer(), 1), []);
});

/* ---- options ---- */

const panel = (unit: string): Panel => ({ unit }) as Panel;

test("the reader may ask for other colours and for another method", () => {
  const [colour, method] = choicesOf(layer({ choices: ["group", "artist"] }), panel("UMAP, held still"));
  assert.deepEqual(
    [colour?.name, colour?.value, colour?.values.map(([v]) => v)],
    ["colour", "group", ["group", "artist"]],
  );
  assert.deepEqual([method?.name, method?.value], ["method", "umap"]);
});

test("where there is one thing to colour by, nothing is asked", () => {
  assert.deepEqual(
    choicesOf(layer({ choices: ["group"] }), panel("PCA")).map((c) => c.name),
    ["method"],
  );
});
