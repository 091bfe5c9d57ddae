import assert from "node:assert/strict";
import { test } from "node:test";
import type { WeightsLayer } from "../src/layers/weights.ts";
import { unpack } from "../src/protocol.ts";
import { anchorsOf, BINS, sharedAt } from "../src/temperature/shares.ts";

const NOTHING = 65535;
const step = (cosine: number): number => Math.round(((cosine + 1) / 2) * 65534);
const rows = (values: number[][]): { data: Uint16Array; shape: [number, number] } => ({
  data: Uint16Array.from(values.flat()), shape: [values.length, values[0]!.length],
});

function layer(negatives: number[][], positives: number[][] = negatives.map(() => [NOTHING]), standsFor = 1): WeightsLayer {
  return {
    type: "weights", key: "weights", negatives: rows(negatives), positives: rows(positives), stands_for: standsFor,
    temperature: 0.2, low: 0.01, high: 1, preview: null, control: "temperature", said: "",
  };
}

const near = (a: number, b: number, by = 1e-9): void => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test("a hot temperature shares evenly, a cold one gives all to the hardest", () => {
  const anchors = anchorsOf(layer([[0.1, 0.5, -0.3, 0.2].map(step), [0.9, 0.8, 0.7, -1].map(step)]));
  const hot = sharedAt(anchors, 1e9);
  near(hot.entropy, Math.log(4));
  near(hot.hardest, 0.25);
  assert.ok(hot.weight.every((w) => Number.isNaN(w) || Math.abs(w - 1) < 1e-6));
  const cold = sharedAt(anchors, 1e-5);
  near(cold.entropy, 0);
  near(cold.hardest, 1);
  near(cold.push.reduce((a, b) => a + b), 1);
});

test("shares, entropy and q of two negatives and a positive are those of the formula", () => {
  const [a, b, p] = [0.4, 0.1, 0.6].map((s) => (step(s) / 65534) * 2 - 1) as [number, number, number];
  const found = sharedAt(anchorsOf(layer([[step(a), step(b)]], [[step(p)]])), 0.2);
  const factors = [a, b].map((s) => Math.exp(s / 0.2));
  const total = factors[0]! + factors[1]!;
  const shares = factors.map((f) => f / total);
  near(found.entropy, -shares.reduce((sum, share) => sum + share * Math.log(share), 0));
  near(found.hardest, shares[0]!);
  near(found.coupling!, total / (total + Math.exp(p / 0.2)));
  near(found.weight[Math.floor((a + 1) * 32)]!, 2 * shares[0]!);
  near(found.push[Math.floor((b + 1) * 32)]!, shares[1]!);
});

test("what is no pair counts for nothing, and an anchor without a negative is left out", () => {
  const one = sharedAt(anchorsOf(layer([[step(0.4), step(0.1)]])), 0.3);
  const more = sharedAt(anchorsOf(layer([[step(0.1), NOTHING, step(0.4)], [NOTHING, NOTHING, NOTHING]])), 0.3);
  near(one.entropy, more.entropy);
  assert.deepEqual(one.counts, more.counts);
  assert.equal(more.coupling, null);
});

test("drawn negatives stand for others as that many equal ones would", () => {
  const values = [0.3, 0.1, -0.4].map(step);
  const drawn = sharedAt(anchorsOf(layer([values], [[step(0.5)]], 3)), 0.2);
  const whole = sharedAt(anchorsOf(layer([[...values, ...values, ...values]], [[step(0.5)]])), 0.2);
  near(drawn.entropy, whole.entropy);
  near(drawn.coupling!, whole.coupling!);
});

test("the ends of similarity have a bin", () => {
  const { counts } = sharedAt(anchorsOf(layer([[0, 65534]])), 1);
  assert.deepEqual([counts[0], counts[BINS - 1], counts.length], [1, 1, 64]);
});

test("two bytes arrive as they were sent", () => {
  const sent = Uint16Array.from([0, 65535, 258]);
  const got = unpack({ $buffer: 0, dtype: "uint16", shape: [1, 3] }, [sent.buffer]) as { data: Uint16Array };
  assert.deepEqual([...got.data], [0, 65535, 258]);
});
