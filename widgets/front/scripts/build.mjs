/* Builds the bundle. Not minified: what is shipped can be read. Goes to VERGENCE_STATIC, or beside the Python package. */

import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.env.VERGENCE_STATIC ?? join(here, "..", "vergence_widgets", "static"));
const LIMIT = 280_000;

await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ["src/cockpit.ts", "src/cockpit.css"],
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
});
// A tab for two spaces: the same lines to read, a tenth fewer bytes to send.
const script = join(out, "cockpit.js");
const indented = await readFile(script, "utf-8");
await writeFile(script, indented.replace(/^(?: {2})+/gm, (spaces) => "\t".repeat(spaces.length / 2)));
await copyFile(join(here, "LICENCES.txt"), join(out, "LICENCES.txt"));
for (const name of ["cockpit.js", "cockpit.css"]) {
  const { size } = await stat(join(out, name));
  console.log(`${name}: ${size.toLocaleString("en-US")} bytes`);
  if (size > LIMIT) throw new Error(`${name} is larger than ${LIMIT} bytes; every byte travels to each notebook.`);
}
