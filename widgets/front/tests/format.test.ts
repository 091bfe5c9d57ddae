import assert from "node:assert/strict";
import { test } from "node:test";
import { count, number, parse, percent, setting, tick } from "../src/format.ts";

test("numbers for people", () => {
  assert.equal(count(1482), "1,482");
  assert.equal(count(1234567), "1,234,567");
  assert.equal(count(-1500), "−1,500");
  assert.equal(number(-3.234), "−3.23");
  assert.equal(number(0), "0.00");
  assert.equal(number(0.0021), "0.0021");
  assert.equal(number(1482.4), "1,482");
  assert.equal(number(null), "unknown");
  assert.equal(number(NaN), "not finite");
  assert.equal(percent(0.018), "1.8 %");
  assert.equal(percent(0.03), "3 %");
  assert.equal(percent(0.124), "12 %");
  assert.equal(tick(0.001), "0.001");
});

test("a setting is never misstated by rounding", () => {
  assert.equal(setting(0.2, 2), "0.20");
  assert.equal(setting(0.06, 3), "0.060");
  assert.equal(setting(0.0316, 2), "0.0316");
  assert.equal(setting(0.0012, 2), "0.0012");
  assert.equal(setting(0, 2), "0.00");
});

test("what a person types", () => {
  assert.equal(parse(" 0.07 "), 0.07);
  assert.equal(parse("0,07"), 0.07);
  assert.equal(parse("−1"), -1);
  assert.equal(parse("1e-3"), 0.001);
  for (const text of ["", "abc", "1.2.3", "Infinity"]) assert.equal(parse(text), null);
});
