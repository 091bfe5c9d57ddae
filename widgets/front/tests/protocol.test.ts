import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed, unpack, type Frame } from "../src/protocol.ts";
import type { Panel } from "../src/spec.ts";

function panel(noun: string, step: number): Panel {
  return { noun, step, state: "live", unit: "", plots: [] } as unknown as Panel;
}

function frame(seq: number, key: boolean, panels: Record<string, Panel>, time = seq): Frame {
  return { type: "frame", seq, key, time, panels, order: ["loss", "similarity"] } as unknown as Frame;
}

const whole = (seq: number, time = seq): Frame => frame(seq, true, { loss: panel("loss", seq), similarity: panel("similarity", seq) }, time);

test("arrays take the places of their buffers, at any byte offset", () => {
  const bytes = new ArrayBuffer(14);
  const view = new DataView(bytes, 2, 12);
  assert.throws(() => new Float32Array(view.buffer, view.byteOffset, 3), RangeError);
  [1.5, -2, NaN].forEach((v, i) => view.setFloat32(4 * i, v, true));
  const out = unpack({ a: [{ x: { $buffer: 0, dtype: "float32", shape: [3] } }], b: null }, [view]) as { a: { x: Float32Array }[]; b: null };
  assert.deepEqual([...out.a[0]!.x], [1.5, -2, NaN]);
  assert.equal(out.b, null);
});

test("a two-dimensional array keeps its shape", () => {
  const data = new DataView(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
  const out = unpack({ $buffer: 0, dtype: "float32", shape: [2, 3] }, [data]) as { data: Float32Array; shape: number[] };
  assert.deepEqual(out.shape, [2, 3]);
  assert.equal(out.data.length, 6);
});

test("base64 stands for bytes where there are no buffers", () => {
  const bytes = new Uint8Array(new Float32Array([0.25, 8]).buffer);
  const text = btoa(String.fromCharCode(...bytes));
  assert.deepEqual([...(unpack({ $base64: text, dtype: "float32", shape: [2] }, []) as Float32Array)], [0.25, 8]);
});

test("a message that names an array that did not come says so", () => {
  assert.throws(() => unpack({ $buffer: 1, dtype: "float32", shape: [2] }, []), /names array 1, but only 0 came/);
  assert.throws(() => unpack({ $base64: "", dtype: "float16", shape: [0] }, []), /reads float32/);
});

test("nothing is shown before the first key frame, which is asked for", () => {
  const feed = new Feed();
  assert.deepEqual(feed.accept(frame(3, false, { loss: panel("loss", 3) })), { applied: false, gap: true });
  assert.equal(feed.frame, null);
  assert.deepEqual(feed.accept(whole(4)), { applied: true, gap: false });
});

test("a frame changes only the panels it brings", () => {
  const feed = new Feed();
  feed.accept(whole(1));
  assert.deepEqual([...feed.take()].sort(), ["loss", "similarity"]);
  assert.deepEqual(feed.accept(frame(2, false, { loss: panel("loss", 2) })), { applied: true, gap: false });
  assert.equal(feed.frame?.panels["loss"]?.step, 2);
  assert.equal(feed.frame?.panels["similarity"]?.step, 1);
  assert.deepEqual([...feed.take()], ["loss"]);
  assert.equal(feed.take().size, 0);
});

test("a gap is drawn and a key frame wanted", () => {
  const feed = new Feed();
  feed.accept(whole(1));
  assert.deepEqual(feed.accept(frame(4, false, { loss: panel("loss", 4) })), { applied: true, gap: true });
  assert.deepEqual(feed.accept(whole(9)), { applied: true, gap: false });
});

test("an older frame is dropped", () => {
  const feed = new Feed();
  feed.accept(whole(5));
  assert.deepEqual(feed.accept(frame(4, false, { loss: panel("loss", 4) })), { applied: false, gap: false });
  assert.deepEqual(feed.accept(whole(5)), { applied: false, gap: false });
  assert.equal(feed.frame?.panels["loss"]?.step, 5);
});

test("a publisher that counts anew is followed, by its clock", () => {
  const feed = new Feed();
  feed.accept(whole(50, 10));
  assert.deepEqual(feed.accept(whole(1, 11)), { applied: true, gap: false });
  assert.equal(feed.frame?.seq, 1);
});

test("frames that came while hidden are all in the picture when it is seen again", () => {
  const feed = new Feed();
  feed.accept(whole(1));
  feed.take();
  feed.accept(frame(2, false, { loss: panel("loss", 2) }));
  feed.accept(frame(3, false, { similarity: panel("similarity", 3) }));
  feed.accept(frame(4, false, { loss: panel("loss", 4) }));
  assert.deepEqual([...feed.take()].sort(), ["loss", "similarity"]);
  assert.equal(feed.frame?.panels["loss"]?.step, 4);
});
