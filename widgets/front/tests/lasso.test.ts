import assert from "node:assert/strict";
import { test } from "node:test";
import type { Direction } from "../src/keyboard.ts";
import { caught, extend, inside, middleOf, nearest, reach, towards, type Point } from "../src/projection/lasso.ts";

const line = (...points: [number, number][]): Point[] => points.map(([x, y]) => ({ x, y }));
const SQUARE = line([0, 0], [10, 0], [10, 10], [0, 10]);
const xs = (...values: number[]): Float64Array => Float64Array.from(values);

test("a place is inside a square or outside it", () => {
  assert.equal(inside(SQUARE, 5, 5), true);
  for (const [x, y] of [
    [-1, 5],
    [11, 5],
    [5, -1],
    [5, 11],
  ] as const)
    assert.equal(inside(SQUARE, x, y), false);
});

test("the way round makes no difference, nor where the line begins", () => {
  const round = [...SQUARE].reverse();
  const later = [...SQUARE.slice(2), ...SQUARE.slice(0, 2)];
  for (let x = -1.5; x < 12; x++) {
    for (let y = -1.5; y < 12; y++) {
      assert.equal(inside(round, x, y), inside(SQUARE, x, y));
      assert.equal(inside(later, x, y), inside(SQUARE, x, y));
    }
  }
});

test("a place level with a corner is counted once", () => {
  const diamond = line([0, -5], [5, 0], [0, 5], [-5, 0]);
  assert.equal(inside(diamond, 0, 0), true);
  assert.equal(inside(diamond, -9, 0), false);
  assert.equal(inside(diamond, 9, 0), false);
  assert.equal(inside(diamond, -9, -5), false);
});

test("a hollow bay is outside, and so is what a line goes round twice", () => {
  const bay = line([0, 0], [10, 0], [10, 10], [6, 10], [6, 4], [4, 4], [4, 10], [0, 10]);
  assert.equal(inside(bay, 5, 8), false);
  assert.equal(inside(bay, 2, 8), true);
  const star = line([5, 0], [8, 10], [0, 4], [10, 4], [2, 10]);
  assert.equal(inside(star, 5, 5), false);
  assert.equal(inside(star, 5, 2), true);
});

test("squares of a random size agree with a comparison of coordinates", () => {
  let seed = 3;
  const next = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let k = 0; k < 200; k++) {
    const [l, t, w, h] = [next() * 50, next() * 50, 1 + next() * 50, 1 + next() * 50];
    const box = line([l, t], [l + w, t], [l + w, t + h], [l, t + h]);
    const px = Float64Array.from({ length: 50 }, () => next() * 100);
    const py = Float64Array.from({ length: 50 }, () => next() * 100);
    const wanted = [...px.keys()].filter((i) => px[i]! > l && px[i]! < l + w && py[i]! > t && py[i]! < t + h);
    assert.deepEqual(caught(box, px, py), wanted);
  }
});

test("items without a place are in no lasso, and a line of two points catches none", () => {
  assert.deepEqual(caught(SQUARE, xs(5, NaN, 5), xs(5, 5, NaN)), [0]);
  assert.deepEqual(caught(SQUARE.slice(0, 2), xs(5), xs(0)), []);
  assert.deepEqual(caught([], xs(5), xs(5)), []);
});

test("a line leaves out points that hardly moved, and knows how far it went", () => {
  const drawn: Point[] = [];
  for (let i = 0; i <= 20; i++) extend(drawn, i * 0.5, 0);
  assert.equal(drawn.length, 6);
  assert.equal(reach(drawn), 10);
  assert.equal(reach([]), 0);
  // It came back to where it began, and yet was no click.
  assert.equal(reach(line([0, 0], [30, 0], [0, 0])), 30);
});

test("the nearest item, within reach only; of two in one place the upper", () => {
  assert.equal(nearest(xs(0, 10, 20), xs(0, 0, 0), 12, 1), 1);
  assert.equal(nearest(xs(0, 10), xs(0, 0), 30, 0, 14), -1);
  assert.equal(nearest(xs(4, 4), xs(4, 4), 4, 5), 1);
  assert.equal(nearest(xs(NaN), xs(NaN), 0, 0), -1);
});

test("arrows go to the nearest item in their direction, and stay where there is none", () => {
  const px = xs(0, 10, -10, 0, 0, 30);
  const py = xs(0, 1, 0, 12, -8, 0);
  assert.equal(towards(px, py, 0, "right"), 1);
  assert.equal(towards(px, py, 0, "left"), 2);
  assert.equal(towards(px, py, 0, "down"), 3);
  assert.equal(towards(px, py, 0, "up"), 4);
  assert.equal(towards(px, py, 5, "right"), 5);
});

test("straight ahead comes before aside, and aside before nothing", () => {
  assert.equal(towards(xs(0, 10, 8), xs(0, 0, 7), 0, "right"), 1);
  assert.equal(towards(xs(0, 2), xs(0, 50), 0, "right"), 1);
});

test("items without a place are passed over, and one that lost its place leads back to some other", () => {
  assert.equal(towards(xs(0, NaN, 20), xs(0, 0, 0), 0, "right"), 2);
  assert.equal(towards(xs(NaN, 5), xs(NaN, 5), 0, "left"), 1);
});

test("every item of a crowd can be reached by arrows, also those in one place", () => {
  let seed = 5;
  const next = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const px = Float64Array.from({ length: 120 }, () => Math.round(next() * 30));
  const py = Float64Array.from({ length: 120 }, () => Math.round(next() * 20));
  const seen = new Set([0]);
  const queue = [0];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const to of ["left", "right", "up", "down"] as Direction[]) {
      const there = towards(px, py, at, to);
      if (!seen.has(there)) queue.push(there);
      seen.add(there);
    }
  }
  assert.equal(seen.size, 120);
});

test("a pile of items in one place is gone through from both sides", () => {
  const px = xs(0, 10, 10, 10, 20);
  const py = xs(0, 0, 0, 0, 0);
  const walk = (from: number, to: Direction): number[] => {
    const way = [from];
    for (let next = towards(px, py, from, to); next !== way[way.length - 1]; next = towards(px, py, next, to))
      way.push(next);
    return way;
  };
  assert.deepEqual(walk(0, "right"), [0, 1, 2, 3, 4]);
  assert.deepEqual(walk(4, "left"), [4, 3, 2, 1, 0]);
});

test("the middle of a class is one of its items", () => {
  assert.equal(middleOf([0, 1, 2], xs(0, 5, 10), xs(0, 0, 0)), 1);
  assert.equal(middleOf([0, 1], xs(NaN, 5), xs(NaN, 0)), 1);
  assert.equal(middleOf([], xs(), xs()), -1);
});
