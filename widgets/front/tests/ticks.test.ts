import assert from "node:assert/strict";
import { test } from "node:test";
import { fraction, lowest, notch, scale, valueAt } from "../src/scale.ts";
import { layTicks } from "../src/ticks.ts";

test("tick labels never touch and never leave the axis", () => {
  for (const width of [40, 90, 150, 300]) {
    const places = [0, 0.2, 0.4, 0.6, 0.8, 1].map((p) => p * width);
    const spots = layTicks(places, places.map(() => 28), 0, width, 8);
    for (const spot of spots) assert.ok(spot.from >= 0 && spot.from + spot.size <= width);
    spots.slice(1).forEach((spot, i) => assert.ok(spot.from >= spots[i]!.from + spots[i]!.size + 8));
  }
});

test("the ends of an axis keep their labels", () => {
  const spots = layTicks([0, 50, 100], [30, 90, 30], 0, 100, 8);
  assert.deepEqual(spots.map((s) => s.index), [0, 2]);
});

test("ticks in falling order are laid in reading order", () => {
  assert.deepEqual(layTicks([100, 50, 0], [10, 10, 10], 0, 100, 4).map((s) => s.index), [2, 1, 0]);
});

test("a scale goes there and back", () => {
  for (const log of [false, true]) {
    const s = scale(0.01, 100, 30, 290, log);
    for (const v of [0.01, 0.5, 3, 100]) assert.ok(Math.abs(s.from(s.to(v)) - v) < 1e-9 * v);
    assert.equal(s.to(0.01), 30);
    assert.ok(Math.abs(s.to(100) - 290) < 1e-9);
  }
  assert.ok(Number.isNaN(scale(0.1, 1, 0, 1, true).to(-1)));
  assert.ok(Number.isFinite(scale(2, 2, 0, 100, false).to(2)));
});

const LOG = { low: 0.01, high: 1, scale: "log" } as const;
const LINEAR = { low: 0, high: 1, scale: "linear" } as const;

test("a notch always moves, by about a twentieth of a decade or a hundredth of the range", () => {
  assert.equal(notch(0.2, 1, LOG), 0.22);
  assert.equal(notch(0.2, -1, LOG), 0.18);
  assert.equal(notch(0.2, 10, LOG), 0.63);
  assert.equal(notch(0.5, 1, LINEAR), 0.51);
  assert.equal(notch(0.5, -10, LINEAR), 0.4);
  let value = 0.01;
  for (let i = 0; i < 200 && value < 1; i++) {
    const next = notch(value, 1, LOG);
    assert.ok(next > value);
    value = next;
  }
  assert.equal(value, 1);
});

test("a slider never leaves its range", () => {
  assert.equal(notch(1, 1, LOG), 1);
  assert.equal(notch(0, -1, LINEAR), 0);
  assert.equal(valueAt(2, LOG), 1);
  assert.equal(valueAt(-1, LOG), 0.01);
  assert.equal(fraction(0.001, LOG), 0);
});

test("a place on a slider is a value with two digits", () => {
  assert.equal(valueAt(0.5, LOG), 0.1);
  assert.equal(valueAt(0.333, LINEAR), 0.33);
});

const TERM = { low: 0.01, high: 10, scale: "log", may_be_zero: true } as const;

test("a term that may be switched off has 0 left of its lowest value", () => {
  assert.equal(fraction(0, TERM), 0);
  assert.ok(fraction(0.01, TERM) > 0.05);
  assert.equal(fraction(10, TERM), 1);
  assert.equal(notch(0.01, -1, TERM), 0);
  assert.equal(notch(0, -1, TERM), 0);
  assert.equal(notch(0, 1, TERM), 0.01);
  assert.equal(valueAt(0, TERM), 0);
  assert.equal(valueAt(fraction(0.01, TERM), TERM), 0.01);
  for (const value of [0.01, 0.1, 1, 10]) assert.equal(valueAt(fraction(value, TERM), TERM), value);
  assert.equal(lowest(TERM), 0);
  assert.equal(lowest(LOG), 0.01);
});

test("a value that a logarithm does not know stands at the left end", () => {
  assert.equal(fraction(0, LOG), 0);
  assert.equal(fraction(NaN, LINEAR), 0);
  assert.equal(notch(0, 1, LOG), 0.01);
});

const COUNT = { low: 0, high: 10, scale: "linear", whole: true } as const;

test("a count goes from one whole number to the next", () => {
  assert.equal(notch(3, -1, COUNT), 2);
  assert.equal(notch(3, 10, COUNT), 10);
  assert.equal(notch(0, -1, COUNT), 0);
  assert.equal(valueAt(0.333, COUNT), 3);
  assert.equal(valueAt(0.333, { ...COUNT, low: 1, high: 150 }), 51);
});
