import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ack } from "../src/protocol.ts";
import { Wishes } from "../src/wish.ts";

const ack = (id: string, state: Ack["state"], value: number | null = null): Ack => ({
  type: "ack", id, name: "temperature", value, state, step: 7, why: "",
});

test("a value that was asked for is not applied before it is confirmed", () => {
  const wishes = new Wishes();
  wishes.ask(0.3, 0);
  wishes.sent("a", 0);
  assert.equal(wishes.applied(0.2), 0.2);
  wishes.frame(0.2, "", null, 1);
  assert.equal(wishes.wish?.value, 0.3);
  assert.equal(wishes.answer(ack("a", "applied", 0.3), "applied at step 7"), true);
  assert.equal(wishes.wish, null);
  assert.equal(wishes.applied(0.2), 0.3);
});

test("one frame may have been on its way when the answer came", () => {
  const wishes = new Wishes();
  wishes.ask(0.3, 0);
  wishes.sent("a", 0);
  wishes.answer(ack("a", "applied", 0.3), "applied at step 7");
  wishes.frame(0.2, "", null, 1);
  assert.equal(wishes.applied(0.2), 0.3);
  wishes.frame(0.2, "", null, 2);
  assert.equal(wishes.applied(0.2), 0.2);
});

test("a refused value is gone and its reason stays", () => {
  const wishes = new Wishes();
  wishes.ask(-1, 0);
  wishes.sent("a", 0);
  wishes.answer(ack("a", "refused"), "refused: above 0");
  wishes.frame(0.2, "applied at step 3", null, 1);
  assert.equal(wishes.applied(0.2), 0.2);
  assert.equal(wishes.told, "refused: above 0");
  assert.equal(wishes.refused, true);
});

test("the answer to an older request is not taken for the newer one's", () => {
  const wishes = new Wishes();
  wishes.ask(0.3, 0);
  wishes.sent("a", 0);
  wishes.ask(0.4, 1);
  wishes.sent("b", 1);
  assert.equal(wishes.answer(ack("a", "applied", 0.3), ""), false);
  assert.equal(wishes.wish?.value, 0.4);
});

test("waiting is counted from when it was sent", () => {
  const wishes = new Wishes();
  assert.equal(wishes.waiting(9), 0);
  wishes.ask(0.3, 0);
  assert.equal(wishes.waiting(9), 0);
  wishes.sent("a", 4);
  assert.equal(wishes.waiting(9), 5);
});
