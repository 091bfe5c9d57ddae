import assert from "node:assert/strict";
import { test } from "node:test";

import { Painted } from "../src/painted.ts";

/** Animation frames that come when the test says so. */
function frames(): { next: (count?: number) => void; idle: () => boolean } {
  const waiting: (() => void)[] = [];
  (globalThis as { requestAnimationFrame?: unknown }).requestAnimationFrame = (call: () => void) => waiting.push(call);
  return {
    next: (count = 1) => {
      for (let i = 0; i < count; i++) for (const call of waiting.splice(0)) call();
    },
    idle: () => waiting.length === 0,
  };
}

test("only what asks is confirmed, and once", () => {
  const told: number[] = [];
  const page = frames();
  const painted = new Painted((seq) => told.push(seq));
  painted.drawn(1, 2);
  assert.ok(page.idle());
  painted.ask(2);
  painted.drawn(2, 2);
  page.next(2);
  assert.deepEqual(told, []);
  page.next();
  assert.deepEqual(told, [2]);
  painted.drawn(3, 2);
  page.next(5);
  assert.deepEqual(told, [2]);
});

test("the picture waited for is confirmed, each once, and what asked while waiting is not forgotten", () => {
  const told: number[] = [];
  const page = frames();
  const painted = new Painted((seq) => told.push(seq));
  painted.ask(4);
  painted.drawn(4, 1);
  painted.drawn(5, 1);
  painted.ask(6);
  page.next(3);
  assert.deepEqual(told, [4]);
  assert.ok(page.idle(), "6 has not been drawn yet");
  painted.drawn(6, 1);
  page.next(3);
  assert.deepEqual(told, [4, 6]);
  painted.ask(7);
  painted.drawn(7, 1);
  painted.ask(8);
  painted.drawn(8, 1);
  page.next(9);
  assert.deepEqual(told, [4, 6, 7, 8]);
  assert.ok(page.idle());
});

test("it tells how long the pixels took, at least as long as drawing did", () => {
  const told: number[] = [];
  const page = frames();
  const painted = new Painted((_, ms) => told.push(ms));
  painted.ask(1);
  painted.drawn(1, 12.345);
  page.next(3);
  assert.equal(told[0], 12.35);
});
