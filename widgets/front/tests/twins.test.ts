/* What is written in Python and in TypeScript must be the same: fields of the spec, and colours. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DASHES, viridis } from "../src/theme.ts";

declare const FRONT: string;

const read = (...parts: string[]): string => readFileSync(join(FRONT, ...parts), "utf-8");
const SPEC_PY = read("..", "vergence_widgets", "panels", "spec.py");
const SPEC_TS = read("src", "spec.ts");
const THEME_PY = read("..", "vergence_widgets", "theme.py");
const TOKENS_CSS = read("src", "style", "tokens.css");

/** Layers with a file of their own on both sides. */
const OWN = ["Heat", "Cloud", "Maps", "Bars", "Gallery", "Weights"];
const LAYERS = ["Line", "Rule", "Mark", "Points", "Span", "Bracket", "Label", "Ridge", ...OWN];

function pythonFields(name: string): string[] {
  const source = OWN.includes(name) ? read("..", "vergence_widgets", "panels", "layers", `${name.toLowerCase()}.py`) : SPEC_PY;
  const body = new RegExp(`^class ${name}:\\n([\\s\\S]*?)(?=^\\S|$(?![\\s\\S]))`, "m").exec(source)?.[1];
  assert.ok(body, `spec.py has no class ${name}`);
  return [...body.matchAll(/^ {4}(\w+): /gm)].map((m) => m[1]!);
}

function typescriptFields(name: string): string[] {
  const own = OWN.find((layer) => name === `${layer}Layer`);
  const source = own === undefined ? SPEC_TS : read("src", "layers", `${own.toLowerCase()}.ts`);
  const body = new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(source)?.[1];
  assert.ok(body, `spec.ts has no interface ${name}`);
  return [...body.matchAll(/^ {2}(\w+): /gm)].map((m) => m[1]!).filter((field) => field !== "type");
}

for (const name of ["Axis", "Plot", "Headline", "Table", "Panel", ...LAYERS]) {
  test(`${name} has the same fields on both sides`, () => {
    const twin = LAYERS.includes(name) ? `${name}Layer` : name;
    assert.deepEqual(typescriptFields(twin).sort(), pythonFields(name).sort());
  });
}

test("every kind of layer has a pen", () => {
  const union = /^Layer = (.+)$/m.exec(SPEC_PY)?.[1] ?? "";
  assert.deepEqual(union.split(" | ").sort(), [...LAYERS].sort());
});

for (const [scheme, block] of [["LIGHT", 0], ["DARK", 1]] as const) {
  test(`the ${scheme.toLowerCase()} colours are those of theme.py`, () => {
    const css = TOKENS_CSS.split('[data-scheme="dark"]')[block]!;
    const python = new RegExp(`^${scheme} = Theme\\(([\\s\\S]*?)^\\)`, "m").exec(THEME_PY)?.[1] ?? "";
    const colours = [...python.matchAll(/(\w+)="(#\w+)"/g)];
    assert.ok(colours.length > 12);
    for (const [, name, value] of colours) {
      const given = new RegExp(`--vg-${name!.replace(/_/g, "-")}: ([^;]+);`).exec(css)?.[1] ?? "";
      const own = /var\([^,]+, (#\w+)\)/.exec(given)?.[1] ?? given;
      const long = own.length === 4 ? own.replace(/[0-9a-f]/gi, "$&$&") : own;
      assert.equal(long.toLowerCase(), value!.toLowerCase(), name!);
    }
  });
}

test("dashes and the ends of viridis are those of theme.py", () => {
  for (const [name, dash] of Object.entries(DASHES)) {
    const wanted = dash.length === 0 ? "None" : `(${dash.join(", ")})`;
    assert.ok(THEME_PY.includes(`"${name}": ${wanted}`), name);
  }
  assert.equal(viridis(0, false), "rgb(68, 1, 84)");
  assert.equal(viridis(1, false), "rgb(253, 231, 37)");
  assert.equal(viridis(1, true), viridis(1, false));
  assert.notEqual(viridis(0, true), viridis(0, false));
});
