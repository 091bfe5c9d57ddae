import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { evidence, stops } from "../src/findings.ts";
import { actionFor } from "../src/keyboard.ts";
import { eventFrom } from "../src/notches.ts";
import { Feed, type Finding, type Frame, type Strip } from "../src/protocol.ts";

declare const FRONT: string;

const chip = (home: string) => ({ noun: home, home, words: "rank 61 → 24", step: 7, title: "" });
const finding = (name: string, severity: Finding["severity"], ...homes: string[]): Finding => ({
  ident: `${name}@1`, name, severity, since: 1, says: "", confidence: "", chips: homes.map(chip), try: [], remedy: null, apart: [], explains: [],
  notebook: "",
});
const strip = (...findings: Finding[]): Strip => ({ findings, counts: "", healthy: "", lacking: [], past: false, ahead: 0 });

test("F goes round each finding and its evidence, worst finding first", () => {
  const found = stops([finding("collapse", "failure", "spectrum", "loss"), finding("cone", "warning"), finding("tail", "note", "pairs")]);
  assert.deepEqual(found, [
    { finding: 0, chip: -1 },
    { finding: 0, chip: 0 },
    { finding: 0, chip: 1 },
    { finding: 1, chip: -1 },
    { finding: 2, chip: -1 },
    { finding: 2, chip: 0 },
  ]);
  assert.deepEqual(stops([]), []);
});

test("a panel is marked for the worst finding it is evidence of, and a note marks nothing", () => {
  const found = evidence([finding("collapse", "failure", "spectrum"), finding("cone", "warning", "spectrum", "similarity", ""), finding("tail", "note", "pairs")]);
  assert.deepEqual([...found].sort(), [["similarity", "cone"], ["spectrum", "collapse"]]);
});

test("F is a key everywhere but where text is typed, and never with a modifier", () => {
  const press = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });
  for (const focus of ["panel", "slider", "radio", "button", "other"] as const) {
    assert.deepEqual(actionFor(press("f"), focus), { do: "finding" });
    assert.deepEqual(actionFor(press("F"), focus), { do: "finding" });
  }
  assert.equal(actionFor(press("f"), "text"), null);
  assert.equal(actionFor(press("f", { ctrlKey: true }), "panel"), null);
});

test("[ and ] stop at findings", () => {
  const events = [
    { step: 10, kind: "control" as const, label: "τ" },
    { step: 20, kind: "finding" as const, label: "cone", until: null },
  ];
  assert.equal(eventFrom(events, 10, 1), 20);
  assert.equal(eventFrom(events, null, -1), 20);
});

test("findings hold until they come anew, through key frames too", () => {
  const feed = new Feed();
  const frame = (seq: number, key: boolean, findings?: Strip): Frame =>
    ({ type: "frame", seq, key, time: seq, order: [], panels: {}, ...(findings === undefined ? {} : { findings }) }) as unknown as Frame;
  feed.accept(frame(1, true, strip(finding("cone", "warning"))));
  feed.accept(frame(2, false));
  assert.equal(feed.frame?.findings?.findings.length, 1);
  feed.accept(frame(3, true));
  assert.equal(feed.frame?.findings?.findings.length, 1);
  feed.accept(frame(4, false, strip()));
  assert.equal(feed.frame?.findings?.findings.length, 0);
});

test("what Python says of a finding and what is read here have the same names", () => {
  const read = (...parts: string[]): string => readFileSync(join(FRONT, ...parts), "utf-8");
  const python = read("..", "vergence_widgets", "panels", "findings.py");
  const typescript = read("src", "protocol.ts");
  const fields = (name: string): string[] =>
    [...new RegExp(`^export interface ${name} {\\n([\\s\\S]*?)^}`, "m").exec(typescript)![1]!.matchAll(/^ {2}(\w+): /gm)].map((m) => m[1]!);
  const keys = (name: string): string[] =>
    [...new RegExp(`^def ${name}\\(([\\s\\S]*?)(?=^def |^@)`, "m").exec(python)![1]!.matchAll(/^ {8}"(\w+)": /gm)].map((m) => m[1]!);
  assert.deepEqual(keys("strip").sort(), fields("Strip").sort());
  assert.deepEqual(keys("_entry").sort(), fields("Finding").sort());
  assert.deepEqual(keys("_chip").sort(), fields("Chip").sort());
});
