import assert from "node:assert/strict";
import { test } from "node:test";
import { Ink, meets, place, type Box, type Memory, type Request } from "../src/labels.ts";

const BOUNDS: Box = { left: 0, top: 0, right: 200, bottom: 100 };

function request(id: string, left: number, top: number, more: Partial<Request> = {}): Request {
  return { id, width: 60, height: 13, places: [{ left, top, cost: 0 }], rank: 0, ...more };
}

test("ink is found under a box, and only there", () => {
  const ink = new Ink(BOUNDS);
  ink.segment(0, 50, 200, 50);
  assert.ok(ink.under({ left: 20, top: 45, right: 80, bottom: 55 }) > 0);
  assert.equal(ink.under({ left: 20, top: 10, right: 80, bottom: 40 }), 0);
});

test("a label takes the place it likes when that is free", () => {
  const [one] = place([request("a", 20, 20)], BOUNDS, new Ink(BOUNDS), new Map());
  assert.deepEqual([one?.box.left, one?.box.top, one?.clear], [20, 20, true]);
});

test("a label is never cut off", () => {
  const [one] = place([request("a", 180, 95)], BOUNDS, new Ink(BOUNDS), new Map());
  assert.ok(one && one.box.right <= BOUNDS.right && one.box.bottom <= BOUNDS.bottom);
});

test("a label keeps off a line of data", () => {
  const ink = new Ink(BOUNDS);
  ink.segment(0, 30, 200, 30);
  const [one] = place([request("a", 20, 24)], BOUNDS, ink, new Map());
  assert.equal(one?.clear, true);
  assert.equal(ink.under({ ...one.box, top: one.box.top + 2, bottom: one.box.bottom - 1 }), 0);
});

test("labels that want one place do not meet, and the higher rank has it", () => {
  const found = place([request("low", 20, 20), request("high", 20, 20, { rank: 5 }), request("mid", 24, 22, { rank: 2 })], BOUNDS, new Ink(BOUNDS), new Map());
  assert.equal(found.length, 3);
  for (const a of found) for (const b of found) if (a !== b) assert.equal(meets(a.box, b.box), false);
  const high = found.find((f) => f.id === "high");
  assert.deepEqual([high?.box.left, high?.box.top], [20, 20]);
});

test("who has only one place is let in before who has many", () => {
  const roomy = request("roomy", 20, 2, { rank: 9, places: [{ left: 20, top: 2, cost: 0 }, { left: 20, top: 60, cost: 1 }] });
  const ink = new Ink(BOUNDS);
  for (let y = 16; y < 58; y += 2) ink.segment(0, y, 200, y);
  for (let y = 76; y < 100; y += 2) ink.segment(0, y, 200, y);
  ink.segment(0, 1, 19, 1);
  for (let x = 82; x < 200; x += 2) ink.segment(x, 0, x, 100);
  const found = place([roomy, request("tight", 20, 2)], BOUNDS, ink, new Map());
  assert.deepEqual(found.map((f) => f.clear), [true, true]);
});

test("a label without any free place comes back as not clear", () => {
  const ink = new Ink(BOUNDS);
  for (let y = 0; y < 100; y += 2) ink.segment(0, y, 200, y);
  const [one] = place([request("a", 20, 20)], BOUNDS, ink, new Map());
  assert.equal(one?.clear, false);
});

test("a label stays where it stood while that place holds", () => {
  const memory: Memory = new Map();
  const places = [{ left: 20, top: 20, cost: 0 }, { left: 20, top: 60, cost: 2 }];
  const blocked = new Ink(BOUNDS);
  blocked.segment(0, 26, 200, 26);
  const [first] = place([request("a", 0, 0, { places })], BOUNDS, blocked, memory);
  assert.equal(first?.box.top, 60);
  const [then] = place([request("a", 0, 0, { places })], BOUNDS, new Ink(BOUNDS), memory);
  assert.equal(then?.box.top, 60);
});
