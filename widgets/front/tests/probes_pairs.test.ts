/* Where rows of bars stand, how pictures are fitted, and words that have no room. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { rowPlaces, shortened } from "../src/pen/bars.ts";
import { fitted, said } from "../src/pen/gallery.ts";

const TALL = 190;

for (const count of [1, 2, 4, 5, 7]) {
  test(`${count} rows stand apart and inside`, () => {
    const rows = rowPlaces(count, TALL);
    assert.equal(rows.length, count);
    rows.forEach((row, i) => {
      assert.ok(row.z > row.h + row.bar, "the bars of a row do not touch");
      const next = rows[i + 1];
      if (next !== undefined) assert.ok(row.z + row.bar < next.h, "nor those of two rows");
    });
    assert.ok(rows[0]!.from >= 37);
    assert.ok(rows[count - 1]!.z + rows[count - 1]!.bar <= TALL - 20);
  });
}

test("many rows under three lines of words stand apart too", () => {
  for (const [count, tall] of [[9, TALL], [14, 257]] as const) {
    const rows = rowPlaces(count, tall, 3);
    assert.ok(rows[0]!.from >= 37 + 2 * 14 - 0.01);
    rows.slice(1).forEach((row, i) => {
      assert.ok(row.from >= rows[i]!.to - 0.01, "ticks of two rows are two");
      assert.ok(row.h - rows[i]!.h >= 11, "names of two rows do not touch");
    });
    assert.ok(rows[count - 1]!.z + rows[count - 1]!.bar <= tall - 20);
  }
});

test("a small picture grows by whole numbers, a large one is made to fit", () => {
  assert.deepEqual(fitted(8, 8, 32), [32, 32]);
  assert.deepEqual(fitted(28, 28, 32), [28, 28]);
  assert.deepEqual(fitted(64, 32, 32), [32, 16]);
});

test("then comes before now", () => {
  assert.equal(said(["0.31", "was 0.82"]), "0.82 → 0.31");
  assert.equal(said(["0.31", ""]), "0.31");
});

test("words that have no room end in an ellipsis, or are not there", () => {
  const stage = { measure: (text: string) => 6 * text.length };
  assert.equal(shortened(stage, "near-duplicates", 100), "near-duplicates");
  assert.equal(shortened(stage, "near-duplicates", 60), "near-dupl…");
  assert.equal(shortened(stage, "near-duplicates", 9), "");
});
