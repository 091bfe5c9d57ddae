/* Made-up findings of the run that frames.js tells: healthy, one, several, one that only notes. */

const chip = (noun, words, step, title, home = noun) => ({ noun, home, words, step, title });

const LOSES = {
  ident: "dimensional collapse@1310",
  name: "dimensional collapse",
  severity: "warning",
  since: 1290,
  says: "your embeddings lose directions. The effective rank of z fell from 61 to 24. It began after lr 0.03 → 0.06 at step 1,204.",
  confidence: "Confidence 0.91",
  chips: [
    chip("spectrum", "rank 61 → 24", 1476, "effective rank of z: 24; healthy: 40 or more", ""),
    chip("similarity", "negatives 0.00 → 0.11", 1476, "mean cosine of negatives: 0.11; healthy: 0.09 or less"),
    chip("hypersphere", "uniformity −3.86 → −3.23", 1400, "uniformity of z: −3.23; healthy: −3.8 or less"),
  ],
  try: ["Set the learning rate back to 0.03.", "Warm the learning rate up over 200 steps."],
  remedy: { label: "Set learning rate to 0.03", control: "learning_rate", value: 0.03 },
  apart: ["not complete collapse: spread of z, times √d: 0.98"],
  explains: ["worse than input"],
  notebook: "05_has_it_collapsed.ipynb",
};

const RISES = {
  ident: "norm explosion@1000",
  name: "norm explosion",
  severity: "warning",
  since: 980,
  says: "the norms of h grow without end: 48 now, 4 at the first step.",
  confidence: "Confidence 0.72",
  chips: [chip("loss", "12 → 48", 1200, "mean norm of h: 48; healthy: 10 or less")],
  try: ["Add weight decay: nothing in the loss holds the norms of h."],
  remedy: null,
  apart: [],
  explains: [],
  notebook: "",
};

const TAIL = {
  ...RISES,
  ident: "long tail@60",
  name: "long tail",
  severity: "note",
  since: 60,
  says: "one class has 40 % of all items.",
  chips: [chip("pairs", "share 0.4", 60, "largest class: 0.4; healthy: 0.2 or less", "")],
  try: ["Sample the classes evenly."],
};

const LACKING = ["shortcut: no labels", "class collapse: no labels"];
const strip = (findings, more = {}) => ({
  findings,
  counts: `${14 - findings.length} checks clear, 2 not possible`,
  healthy: "Nothing found; 14 checks, 2 not possible: no labels.",
  lacking: LACKING,
  past: false,
  ahead: 0,
  ...more,
});

const STORIES = {
  healthy: strip([]),
  finding: strip([LOSES]),
  findings: strip([{ ...LOSES, severity: "failure" }, RISES, TAIL]),
  note: strip([TAIL]),
  past: strip([], { healthy: "Nothing was found at step 600.", past: true, ahead: 1 }),
};

/** What a story's strip says; undefined where nothing was looked for. */
export const findings = (story) => STORIES[story];

/** Their place in time. */
export function stretches(story) {
  const found = (STORIES[story]?.findings ?? []).map((one) => ({ step: one.since, kind: "finding", label: one.name, until: null, severity: one.severity }));
  return found.length === 0 ? found : [{ step: 300, kind: "finding", label: "learning rate too high", until: 420, severity: "warning" }, ...found];
}
