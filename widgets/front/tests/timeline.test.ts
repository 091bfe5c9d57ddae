import assert from "node:assert/strict";
import { test } from "node:test";
import { ordered, shifted, spans, toggled, visible } from "../src/arrangement.ts";
import { actionFor } from "../src/keyboard.ts";
import { endOf, eventFrom, layWords, moved, nearest, roundSteps } from "../src/notches.ts";
import { Feed, type Frame, type Timeline } from "../src/protocol.ts";

const steps = Int32Array.from([0, 1, 6, 12, 18, 24, 30]);
const events = [6, 13, 13, 29].map((step) => ({ step, kind: "control" as const, label: "τ 0.5 → 0.2" }));

test("the nearest recorded step is found, and of two equally near ones the earlier", () => {
  for (let step = -5; step < 40; step++) {
    const best = steps.reduce((a, b) => (Math.abs(b - step) < Math.abs(a - step) ? b : a));
    assert.equal(steps[nearest(steps, step)], best, `step ${step}`);
  }
  assert.equal(nearest([], 3), -1);
});

test("a notch is one recorded step, from between two of them too, and beyond the last lies live", () => {
  assert.equal(moved(steps, 12, 1), 18);
  assert.equal(moved(steps, 12, -1), 6);
  assert.equal(moved(steps, 13, 1), 18);
  assert.equal(moved(steps, 13, -1), 12);
  assert.equal(moved(steps, 17, 1), 18);
  assert.equal(moved(steps, 30, 1), null);
  assert.equal(moved(steps, null, -1), 24);
  assert.equal(moved(steps, null, 1), null);
  assert.equal(moved(steps, null, -10), 0);
  assert.equal(moved(steps, 0, -1), 0);
  assert.equal(moved([], null, -1), null);
});

test("going back and on again by notches visits every recorded step", () => {
  const seen: (number | null)[] = [];
  let at = moved(steps, null, -1);
  while (seen[seen.length - 1] !== at) {
    seen.push(at);
    at = moved(steps, at, -1);
  }
  assert.deepEqual(seen, [24, 18, 12, 6, 1, 0]);
  let forth: number | null = 0;
  for (const expected of [1, 6, 12, 18, 24, 30, null]) {
    forth = moved(steps, forth, 1);
    assert.equal(forth, expected);
  }
});

test("events are gone through one step at a time", () => {
  assert.equal(eventFrom(events, null, -1), 29);
  assert.equal(eventFrom(events, 29, -1), 13);
  assert.equal(eventFrom(events, 13, -1), 6);
  assert.equal(eventFrom(events, 6, -1), 6);
  assert.equal(eventFrom(events, 6, 1), 13);
  assert.equal(eventFrom(events, 29, 1), null);
  assert.equal(eventFrom([], 5, -1), 5);
});

test("the line ends at the planned steps, else at a round number the run has not passed", () => {
  assert.equal(endOf(1482, 2000, true), 2000);
  assert.equal(endOf(1482, null, true), 1500);
  assert.equal(endOf(1501, null, true), 2000);
  assert.equal(endOf(2100, 2000, true), 3000);
  assert.equal(endOf(700, null, false), 700);
  assert.equal(endOf(0, null, true), 4);
  assert.equal(endOf(18, 100_000, true), 20, "a long plan leaves the record its room");
  assert.equal(endOf(18, 100_000, false), 18);
  assert.equal(endOf(13_000, 100_000, true), 100_000);
});

test("round steps are few, ascending, from 0 to the end, and its number stands alone", () => {
  for (const end of [1, 4, 7, 60, 700, 1482, 2000, 98_765]) {
    const found = roundSteps(end, 5);
    assert.equal(found[0], 0);
    assert.equal(found[found.length - 1], end);
    assert.ok(found.length <= 7, `${end}: ${found.join()}`);
    found.slice(1).forEach((step, i) => assert.ok(step > found[i]!));
  }
});

test("words of events touch neither each other nor the number of the step nor a stroke", () => {
  for (let seed = 1; seed < 60; seed++) {
    const random = (n: number): number => ((seed * 7919 + n * 104_729) % 1000) / 1000;
    const words = Array.from({ length: 12 }, (_, i) => ({ at: random(i) * 800, size: 40 + 60 * random(i + 50), after: i % 2 === 0 }));
    const taken: [number, number][] = [[300, 330]];
    const strokes = words.map((word) => word.at);
    const placed = layWords(words, taken, strokes, 800, 5);
    const boxes = [...taken, ...placed.map(({ index, from }) => [from, from + words[index]!.size] as const)];
    boxes.forEach(([from, to], i) => {
      assert.ok(from >= 0 && to <= 800);
      boxes.slice(i + 1).forEach(([a, b]) => assert.ok(to <= a || b <= from, "words over words"));
    });
    for (const { index, from } of placed) {
      assert.ok(strokes.every((x) => x <= from || x >= from + words[index]!.size), "words over a stroke");
    }
  }
});

test("the newest change keeps its words when there is no room for all", () => {
  const words = [300, 290, 280].map((at) => ({ at, size: 60 }));
  assert.equal(layWords(words, [], [], 800, 5)[0]!.index, 0);
});

const frame = (seq: number, key: boolean, timeline?: Partial<Timeline>): Frame =>
  ({ type: "frame", seq, key, time: seq, header: {}, controls: [], notices: [], panels: {}, order: [], timeline }) as unknown as Frame;

test("steps and events that came before hold until others come", () => {
  const feed = new Feed();
  feed.accept(frame(1, true, { first: 0, last: 5, at: null, steps, events }));
  feed.accept(frame(2, false, { last: 6, at: 3 }));
  assert.equal(feed.frame!.timeline!.last, 6);
  assert.equal(feed.frame!.timeline!.at, 3);
  assert.equal(feed.frame!.timeline!.steps, steps);
  feed.accept(frame(3, false));
  assert.equal(feed.frame!.timeline, undefined, "a kernel without a timeline leaves none behind");
});

test("keys of the timeline work wherever the focus is, but not in text", () => {
  const press = (key: string, focus: "panel" | "slider" | "other" | "text") =>
    actionFor({ key, ctrlKey: false, metaKey: false, altKey: false }, focus);
  for (const focus of ["panel", "slider", "other"] as const) {
    assert.deepEqual(press("[", focus), { do: "event", by: -1 });
    assert.deepEqual(press("]", focus), { do: "event", by: 1 });
    assert.deepEqual(press("L", focus), { do: "live" });
  }
  assert.equal(press("L", "text"), null);
});

const nouns = ["loss", "similarity", "spectrum", "projection", "hypersphere", "attention", "probes", "pairs"];

test("a reader's order holds, and a panel that is new stands after its neighbour", () => {
  assert.deepEqual(ordered(["a", "b", "c"], { order: ["c", "a"], hidden: [] }), ["c", "a", "b"]);
  assert.deepEqual(ordered(["x", "a"], { order: ["a", "gone"], hidden: [] }), ["x", "a"]);
  assert.deepEqual(visible(["a", "b"], { order: [], hidden: ["a", "b"] }), ["a"], "the last one cannot be hidden");
  assert.deepEqual(visible(["a", "b"], toggled({ order: [], hidden: [] }, "a")), ["b"]);
  assert.deepEqual(toggled(toggled({ order: [], hidden: [] }, "a"), "a").hidden, []);
  assert.deepEqual(shifted(["a", "b", "c"], { order: [], hidden: [] }, "c", -1).order, ["a", "c", "b"]);
  assert.deepEqual(shifted(["a", "b"], { order: [], hidden: [] }, "a", -1).order, []);
});

test("no row of the grid ends in a hole, whatever is hidden", () => {
  for (let mask = 1; mask < 1 << nouns.length; mask++) {
    const shown = nouns.filter((_, i) => mask & (1 << i));
    for (const grid of ["two", "three"] as const) {
      let used = 0;
      for (const span of spans(shown)) {
        assert.ok(used + span[grid] <= 12, `${shown.join()}: a row runs over`);
        used = (used + span[grid]) % 12;
      }
      assert.equal(used, 0, `${shown.join()} in ${grid}`);
    }
  }
  assert.equal(spans(nouns)[7]!.two, 12);
  assert.deepEqual(spans(["loss", "similarity", "hypersphere"]).map((span) => span.three), [4, 4, 4]);
});
