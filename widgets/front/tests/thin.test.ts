import assert from "node:assert/strict";
import { test } from "node:test";
import { runs } from "../src/pen/line.ts";
import { thinned } from "../src/pen/thin.ts";

test("few points are left alone", () => {
  const x = Float64Array.from([0, 1, 2]);
  assert.equal(thinned(x, x, 100).px, x);
});

test("spikes, ends and gaps outlive thinning, and every kept point is one of the data", () => {
  const n = 20_000;
  const x = Float64Array.from({ length: n }, (_, i) => (i / n) * 100);
  const y = Float64Array.from({ length: n }, (_, i) => (i === 7777 ? 500 : i > 12_000 && i < 13_000 ? NaN : Math.sin(i)));
  const { px, py } = thinned(x, y, 100);
  assert.ok(px.length < 2000);
  assert.equal(px[0], 0);
  assert.equal(px[px.length - 1], x[n - 1]);
  assert.ok(py.includes(500));
  const known = new Map(Array.from(x, (v, i) => [v, y[i]!]));
  px.forEach((v, i) => assert.ok(Object.is(known.get(v), py[i])));
  assert.equal(runs({ px, py }).length, 2);
});

test("a gap parts a line, a lone point is a run of one", () => {
  const px = Float64Array.from([0, 1, 2, 3, 4, 5]);
  const py = Float64Array.from([1, 2, NaN, 3, NaN, NaN]);
  assert.deepEqual(runs({ px, py }), [[0, 2], [3, 4]]);
});
