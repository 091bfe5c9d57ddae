import assert from "node:assert/strict";
import { test } from "node:test";
import { actionFor, neighbour, type Focus } from "../src/keyboard.ts";

const press = (key: string, focus: Focus, more: object = {}): unknown =>
  actionFor({ key, ctrlKey: false, metaKey: false, altKey: false, ...more }, focus);

test("no key fires while text is typed", () => {
  for (const key of [" ", "s", "t", "?", "Enter", "Escape", "ArrowLeft"]) assert.equal(press(key, "text"), null);
});

test("keys with a modifier belong to the browser and the notebook", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) assert.equal(press("s", "panel", { [modifier]: true }), null);
});

test("space is left to a button that has the focus", () => {
  assert.equal(press(" ", "button"), null);
  assert.equal(press(" ", "radio"), null);
  assert.deepEqual(press(" ", "panel"), { do: "toggle" });
  assert.deepEqual(press(" ", "slider"), { do: "toggle" });
});

test("arrows and Enter are a panel's only", () => {
  assert.deepEqual(press("ArrowRight", "panel"), { do: "move", to: "right" });
  assert.deepEqual(press("Enter", "panel"), { do: "alone" });
  for (const focus of ["slider", "radio", "button", "other"] as const) {
    assert.equal(press("ArrowRight", focus), null);
    assert.equal(press("Enter", focus), null);
  }
});

test("the other keys", () => {
  assert.deepEqual(press("s", "other"), { do: "step" });
  assert.deepEqual(press("T", "panel"), { do: "table" });
  assert.deepEqual(press("?", "slider"), { do: "help" });
  assert.deepEqual(press("Escape", "button"), { do: "back" });
  assert.equal(press("x", "panel"), null);
});

/* Three columns and a second row with one panel under the first. */
const box = (column: number, row: number): { left: number; top: number; right: number; bottom: number } => ({
  left: column * 100,
  right: column * 100 + 90,
  top: row * 100,
  bottom: row * 100 + 90,
});
const GRID = [box(0, 0), box(1, 0), box(2, 0), box(0, 1)];

test("arrows go to the nearest panel in their direction", () => {
  assert.equal(neighbour(GRID, 0, "right"), 1);
  assert.equal(neighbour(GRID, 2, "left"), 1);
  assert.equal(neighbour(GRID, 0, "down"), 3);
  assert.equal(neighbour(GRID, 3, "up"), 0);
});

test("at the end of a row the next panel in reading order follows", () => {
  assert.equal(neighbour(GRID, 2, "right"), 3);
  assert.equal(neighbour(GRID, 0, "left"), 0);
  assert.equal(neighbour(GRID, 0, "up"), 0);
});
