/* Made-up frames for looking at the cockpit without a kernel: one run, told in every state.
 *
 * The run learns at temperature 0.5, goes on at 0.2 from step 620 and doubles its learning rate at
 * step 1,204. Nothing here is measured; the numbers only hold together (chance ln 511 for 256 x 2 views). */

import { findings, stretches } from "./findings.js";
import { map } from "./projection.js";

const CHANCE = Math.log(511);
const FLOORS = { 0.5: 4.241, 0.2: 1.475 };

function random(seed) {
  let s = seed | 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const next = random(7);
const NOISE = Float32Array.from({ length: 4000 }, () => Math.sqrt(-2 * Math.log(next() + 1e-9)) * Math.cos(6.283 * next()));

const rise = (a, b, t) => {
  const p = Math.min(1, Math.max(0, (t - a) / (b - a)));
  return p * p * (3 - 2 * p);
};
const normal = (x, m, s) => Math.exp(-0.5 * ((x - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI));
const text = (v, d = 2) => v.toFixed(d).replace("-", "−");
const thousands = (v) => Math.round(v).toLocaleString("en-US");

function at(t) {
  const warm = 1 - Math.exp(-t / 90);
  const sharp = rise(620, 900, t);
  const bad = rise(1206, 1470, t);
  const positive = 0.93 - 0.078 * warm - 0.052 * sharp + 0.06 * bad;
  const positiveSpread = 0.05 + 0.03 * warm;
  const negative = 0.86 * Math.exp(-t / 70) + 0.05 * (1 - sharp) * warm + 0.11 * bad;
  const negativeSpread = 0.05 + 0.11 * warm - 0.032 * sharp + 0.072 * bad;
  const tau = t < 620 ? 0.5 : 0.2;
  const push = Math.log(Math.exp(positive / tau) + 510 * Math.exp(negative / tau + negativeSpread ** 2 / (2 * tau * tau)));
  const rank = 4 + 34 * warm + 23 * sharp - 37 * bad;
  return {
    positive, positiveSpread, negative, negativeSpread, tau, push,
    pull: -positive / tau,
    loss: push - positive / tau,
    alignment: 2 * (1 - positive) + 0.16 * rise(20, 200, t) * (1 - rise(300, 760, t)),
    uniformity: Math.max(-3.92, -4 * (1 - negative) + (8.8 / rank) * (1 - negative)),
  };
}

const series = (from, to, by, f) => {
  const x = [];
  for (let t = from; t <= to; t += by) x.push(t);
  if (x[x.length - 1] !== to) x.push(to);
  return { x: Float32Array.from(x), y: Float32Array.from(x, f) };
};

const axis = (name, low, high, ticks, more = {}) => ({ name, low, high, ticks, tick_labels: null, scale: "linear", quantity: "", ...more });
const line = (key, xy, more = {}) => ({
  type: "line", key, ...xy, color: "ink", dash: "solid", width: 1.75, opacity: 1, fill: false, end_dot: false, label: "", fill_to: "", ...more,
});
const mark = (x, label, more = {}) => ({ type: "mark", x, label, kind: "control", label_y: null, anchor: "start", ...more });
const words = (x, y, t, more = {}) => ({ type: "label", x, y, text: t, color: "second", anchor: "start", bold: false, ...more });

function stepAxis(last) {
  const high = [60, 100, 200, 500, 1000, 1500, 2000].find((h) => h >= last);
  const ticks = [0, high / 3, (2 * high) / 3, high];
  return axis("", 0, high, ticks, { tick_labels: ticks.map((t, i) => thousands(t) + (i === 3 ? " steps" : "")), quantity: "step" });
}

const panel = (noun, unit, more) => ({
  noun, unit, state: "live", step: null, headline: null, plots: [], foot_left: [], foot_right: [], ends: ["", ""], message: "", after: "",
  progress: null, summary: "", table: { columns: [], rows: [] }, late: "", ...more,
});

const ENDS = {
  loss: ["At the floor: nothing left to gain at this temperature and batch size.", "At chance: the loss tells no positive from a negative."],
  similarity: ["Left: opposite directions.", "Right: the same direction. Apart is good; negatives near 1 is collapse."],
  hypersphere: ["Left and down is good: views of one sample agree, and rows spread over the sphere.", "Up and left is collapse: all rows alike."],
};

function loss(step, gap) {
  const missing = (t) => gap && t > 800 && t < 930;
  const value = (t) => (missing(t) ? NaN : at(t).loss + 0.11 * NOISE[t % 4000] * (t === step ? 0 : 1));
  const mean = (t) => (missing(t) ? NaN : at(t).loss);
  const changed = step > 620;
  const floor = changed ? [[1, FLOORS[0.5]], [619, FLOORS[0.5]], [620, FLOORS[0.2]], [step, FLOORS[0.2]]] : [[1, FLOORS[0.5]], [step, FLOORS[0.5]]];
  const now = mean(step);
  const below = floor[floor.length - 1][1];
  const x = stepAxis(step);
  const by = Math.max(1, Math.round(step / 300));
  const layers = [
    line("raw", series(1, step, by, value), { width: 1, opacity: 0.22, end_dot: true }),
    line("mean", series(1, step, by, mean), { fill_to: "floor" }),
    { type: "rule", key: "chance", y: CHANCE, label: `chance, ln 511 = ${text(CHANCE)}`, dash: "chance", side: "right", below: false },
    line("floor", { x: Float32Array.from(floor, (p) => p[0]), y: Float32Array.from(floor, (p) => p[1]) }, { color: "reference", dash: "floor", width: 1.5 }),
    { type: "bracket", key: "above_floor", x: step, low: below, high: now, label: step > 200 ? `${text(now - below)} nats` : "", label_y: null },
  ];
  if (changed) {
    layers.push(words(310, 3.95, "floor at τ 0.5, 4.24", { anchor: "middle" }), words(640, 1.15, "floor at τ 0.2, 1.47"), mark(620, "τ 0.5 → 0.2"));
  } else layers.push(words(step * 0.5, 3.95, "floor at τ 0.5, 4.24", { anchor: "middle" }));
  if (step > 1204) layers.push(mark(1204, "lr 0.03 → 0.06"));
  if (gap) layers.push(mark(801, "", { kind: "trouble" }));
  const terms = [
    line("pull", series(1, step, by, (t) => (missing(t) ? NaN : at(t).pull)), { color: "positive", width: 1.5 }),
    line("push", series(1, step, by, (t) => (missing(t) ? NaN : at(t).push)), { color: "negative", dash: "negative", width: 1.5 }),
    words(step * 0.4, -6.5, `pull, −s⁺/τ, now ${text(at(step).pull)}`, { color: "positive" }),
    words(step * 0.4, 5.4, `push, log Σ exp(s/τ), now ${text(at(step).push)}`, { color: "negative" }),
  ];
  const rows = [1, Math.round(step / 3), Math.round(step / 1.5), step].map((t) => [thousands(t), text(at(t).loss), text(CHANCE), text(t < 620 ? 4.241 : 1.475)]);
  return panel("loss", "nats per anchor", {
    step,
    headline: { name: "", text: text(now), reference: `now, ${text(now - below)} above floor ${text(below)}`, value: now },
    plots: [
      { key: "loss", x, y: axis("loss, nats", 0, 6.86, [0, 2, 4, 6]), layers, share: 0.76, show_x: true },
      { key: "terms", x, y: axis("", -8, 10, [-5, 0, 5], { tick_labels: ["−5", "0", "5"] }), layers: terms, share: 0.24, show_x: false },
    ],
    foot_left: ["raw faint, mean of 25 steps"],
    foot_right: [gap ? `129 of ${thousands(step)} not finite` : `0 of ${thousands(step)} not finite`],
    summary: `Loss ${text(now)} at step ${thousands(step)}: ${text(now - below)} above the floor.`,
    table: { columns: ["step", "loss", "chance", "floor"], rows },
  });
}

function similarity(step) {
  const n = at(step);
  const grid = (by, f) => series(-1, 1, by, f);
  const cosines = axis("", -1, 1, [-1, -0.5, 0, 0.5, 1], { tick_labels: ["−1", "−0.5", "0", "0.5", "1"], quantity: "cosine" });
  const high = n.positiveSpread < 0.06 ? 8 : 6;
  const density = [
    line("negative", grid(0.01, (c) => 0.93 * normal(c, n.negative, n.negativeSpread) + 0.07 * normal(c, 0.5, 0.2)), { color: "negative", dash: "negative", fill: true }),
    line("positive", grid(0.01, (c) => normal(c, n.positive, n.positiveSpread)), { color: "positive", fill: true }),
    words(n.negative, 1.15 * normal(0, 0, n.negativeSpread), `negatives ${text(n.negative)}`, { color: "negative", anchor: "middle" }),
    words(n.positive - 0.14, 0.8 * high, `positives ${text(n.positive)}`, { color: "positive", anchor: "end" }),
    { type: "span", key: "random", low: -0.088, mid: 0, high: 0.088, y: 0.72 * high, label: "random rows, 0 ± 0.09", side: "left" },
    words(-0.96, 0.2 * high, "overlap 0.04"),
  ];
  const steps = [1482, 1350, 1200, 1000, 800, 600, 400, 200, 50].map((s) => Math.max(1, Math.round((s / 1482) * step)));
  const x = Float32Array.from({ length: 101 }, (_, i) => -1 + i * 0.02);
  const rows = (f) => ({ data: Float32Array.from(steps.flatMap((s) => Array.from(x, (c) => f(at(s), c)))), shape: [steps.length, 101] });
  const ridge = {
    type: "ridge", key: "ridge", x, steps, overlap: 2, peak: 8,
    positive: rows((q, c) => normal(c, q.positive, q.positiveSpread)),
    negative: rows((q, c) => normal(c, q.negative, q.negativeSpread)),
  };
  const count = steps.length;
  const names = steps.map((s, i) => (i % 2 === 0 ? thousands(s) : "")).reverse();
  return panel("similarity", "cosine of z", {
    step,
    headline: { name: "AUC", text: "0.998", reference: "chance 0.5", value: 0.998 },
    plots: [
      { key: "density", x: cosines, y: axis("density", 0, high, [0, high / 3, (2 * high) / 3, high].map((v) => Number(v.toFixed(2)))), layers: density, share: 0.42, show_x: false },
      {
        key: "ridge",
        x: { ...cosines, name: "cosine; rows: step, newest on top" },
        y: axis("", 0, count - 1 + 2, steps.map((_, i) => i), { tick_labels: names }),
        layers: [ridge], share: 0.58, show_x: true,
      },
    ],
    foot_left: ["65,280 of 130,560 negatives drawn"],
    foot_right: ["12.4 % share a label"],
    summary: `Mean cosines at step ${thousands(step)}: positives at ${text(n.positive)}, negatives at ${text(n.negative)}.`,
    table: { columns: ["step", "positives, mean", "negatives, mean"], rows: steps.map((s) => [thousands(s), text(at(s).positive), text(at(s).negative)]) },
  });
}

function hypersphere(step) {
  const path = series(1, step, Math.max(1, Math.round(step / 300)), (t) => t);
  const every = Math.max(1, Math.round(step / 25));
  const dots = series(1, step, every, (t) => t);
  const xy = (s) => ({ x: Float32Array.from(s.x, (t) => at(t).alignment), y: Float32Array.from(s.x, (t) => at(t).uniformity) });
  const reach = step > 60 ? 0.6 : 0.2;
  return panel("hypersphere", "of z", {
    step,
    headline: { name: "uniformity", text: text(at(step).uniformity), reference: "floor −3.94", value: at(step).uniformity },
    plots: [
      {
        key: "plane",
        x: axis(`alignment, mean ‖z−z⁺‖², 0 to 4, drawn to ${reach}`, 0, reach, [0, reach / 3, (2 * reach) / 3, reach].map((v) => Number(v.toFixed(3)))),
        y: axis("uniformity, log mean exp(−2‖z−z′‖²), −4 to 0", -4.4, 0, [-4, -3, -2, -1, 0], { tick_labels: ["−4", "−3", "−2", "−1", "0"] }),
        layers: [
          line("trajectory", xy(path), { color: "rule", width: 1 }),
          { type: "rule", key: "floor", y: -3.938, label: "floor: uniform on the sphere, d = 128, −3.94", dash: "floor", side: "right", below: true },
          words(0.01, -4.15, "← best", { color: "ink", bold: true }),
          {
            type: "points", key: "dots", ...xy(dots), value: dots.x, value_low: 0, value_high: step, value_name: "step", radius: 3, ring_last: true,
            now_side: "left", now_below: false, key_at: null,
          },
          words(at(1).alignment + 0.02, at(1).uniformity, "step 1, rows alike"),
        ],
        share: 1,
        show_x: true,
      },
    ],
    foot_left: [`a dot each ${every} steps`],
    foot_right: ["0 rows left out", "tolerance 0.31"],
    summary: `At step ${thousands(step)}: uniformity ${text(at(step).uniformity)}, floor −3.94.`,
    table: { columns: ["step", "alignment", "uniformity"], rows: [...dots.x].map((s) => [thousands(s), text(at(s).alignment, 3), text(at(s).uniformity)]) },
  });
}

const can = (label) => ({ enabled: true, why: "", label });
const cannot = (label, why) => ({ enabled: false, why, label });

function header(state, step) {
  const live = state === "live";
  const over = state === "stopped" || state === "failed";
  return {
    name: "emoji-simclr-07", method: "SimCLR, conv 32", state, state_note: "", step, total: 2000, rate: live ? 4.6 : null,
    cost: step > 0 ? 0.018 : null, budget: 0.03, controls_note: over ? "" : "all controls work, 40 ms", controls_late: false,
    saved: "runs/2026-03-02-emoji-simclr-07", saved_note: "",
    buttons: {
      run: live ? cannot("Run", "It is running.") : can(state === "paused" ? "Resume" : "Run"),
      pause: live ? can("Pause") : cannot("Pause", `The run is ${state}.`),
      step: state === "paused" ? can("Step") : cannot("Step", live ? "Pause first, then step." : `The run is ${state}.`),
      stop: over ? cannot("Stop", `The run is ${state}.`) : can("Stop"),
      freeze: can("Freeze"),
    },
  };
}

const slider = (name, label, unit, more) => ({ name, label, unit, kind: "slider", scale: "log", default: null, digits: 2, pending: null, note: "", refused: "", ...more });

function controls(step) {
  return [
    slider("learning_rate", "Learning rate", "per step, log", {
      low: 0.001, high: 1, ticks: [0.001, 0.01, 0.1, 1], value: step > 1204 ? 0.06 : 0.03, default: 0.03, digits: 3, note: step > 1204 ? "applied at step 1,204" : "",
    }),
    slider("temperature", "Temperature", "τ, log", {
      low: 0.01, high: 1, ticks: [0.01, 0.1, 1], value: step > 620 ? 0.2 : 0.5, default: 0.5, note: step > 620 ? "applied at step 620" : "",
    }),
    slider("view_strength", "View strength", "0 none to 1 full", { scale: "linear", low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], value: 0.5, default: 0.5 }),
    {
      name: "positives", label: "Positives", unit: "which pairs are pulled together", kind: "choice", options: ["other artist", "same image"],
      value: "other artist", default: "other artist", pending: null, note: "", refused: "",
    },
  ];
}

const LOADING = ["loss", "similarity", "hypersphere"].map((noun) =>
  panel(noun, { loss: "nats per anchor", similarity: "cosine of z", hypersphere: "of z" }[noun], {
    state: "loading", message: "Measuring the first batch of z.", after: "9 of about 13 s. Training is not held up.", progress: [9, 13],
  }),
);

function panels(story) {
  const step = { few: 30 }[story] ?? 1482;
  if (story === "empty") {
    return [
      panel("loss", "nats per anchor", { state: "empty", message: "Needs a first step." }),
      panel("similarity", "cosine of z", { state: "empty", message: "Needs embeddings: two views of a batch at z." }),
      panel("hypersphere", "of z", { state: "empty", message: "Needs embeddings at z." }),
    ];
  }
  if (story === "loading") return LOADING;
  if (story.startsWith("map")) return [map(story)];
  const all = [loss(step, story === "gap"), similarity(step), hypersphere(step)];
  if (story === "stopped" || story === "paused") return all.map((p) => ({ ...p, state: "stopped" }));
  if (story === "late") return all.map((p) => ({ ...p, late: "age 14 s" }));
  if (story === "failed") {
    all[1] = {
      ...all[1], state: "failed", step: 1380, message: "Failed at step 1,440: 3 of 512 rows of z are not finite.",
      after: "The run goes on. This panel tries again at the next measurement; last good numbers are from step 1,380.",
    };
  }
  if (story === "unknown") all[2].plots[0].layers.push({ type: "hologram", key: "new" });
  return all;
}

const NOTICES = {
  failed: [{ severity: "warning", step: 1440, text: "3 of 512 rows of z are not finite; the similarity panel shows step 1,380." }],
  stopped: [
    { severity: "failure", step: 1482, text: "The training step raised RuntimeError: mat1 and mat2 shapes cannot be multiplied. What was recorded until step 1,482 is kept." },
    { severity: "warning", step: 1400, text: "Not saved since step 1,400: no space left on the device." },
    { severity: "note", step: 20, text: "A second view of this cockpit was opened." },
  ],
};

export const STORIES = ["live", "few", "gap", "empty", "loading", "failed", "stopped", "paused", "late", "unknown"];

/** One frame of a story. */
export function frame(story, seq = 1) {
  const all = panels(story);
  const step = Math.max(0, ...all.map((p) => p.step ?? 0));
  const state = { empty: "idle", stopped: "failed", paused: "paused" }[story] ?? "live";
  const list = all.map((p) => ({ ...p, ends: ENDS[p.noun] ?? p.ends }));
  const told = findings(story);
  const events = [
    { step: 620, kind: "control", label: "τ 0.5 → 0.2" },
    { step: 1204, kind: "control", label: "lr 0.03 → 0.06" },
    ...stretches(story),
  ].sort((a, b) => a.step - b.step);
  const steps = series(1, step, Math.max(1, Math.round(step / 200)), (t) => t).x;
  const line = { first: 1, last: step, total: 2000, at: told?.past ? 600 : null, asked: null, ghost: "", steps, events };
  for (const one of (told?.findings ?? []).filter((found) => found.severity !== "note")) {
    const at = list.find((p) => p.noun === "loss")?.plots[0];
    if (at) at.layers.push(mark(one.since, "", { kind: "trouble" }));
  }
  return {
    type: "frame", seq, key: true, time: seq, header: header(state, step), controls: controls(step), notices: NOTICES[story] ?? [],
    ...(told === undefined ? {} : { findings: told, timeline: line }),
    panels: Object.fromEntries(list.map((p) => [p.noun, p])), order: list.map((p) => p.noun),
  };
}

/** A frame as it travels: arrays apart as bytes, or within as base64 for a page without a kernel. */
export function pack(value, buffers, inline = false) {
  if (value instanceof Float32Array) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (inline) return { $base64: btoa(String.fromCharCode(...bytes)), dtype: "float32", shape: [value.length] };
    buffers.push(new DataView(bytes.slice().buffer));
    return { $buffer: buffers.length - 1, dtype: "float32", shape: [value.length] };
  }
  if (Array.isArray(value)) return value.map((v) => pack(v, buffers, inline));
  if (value === null || typeof value !== "object") return value;
  if (value.data instanceof Float32Array && Array.isArray(value.shape)) return { ...pack(value.data, buffers, inline), shape: value.shape };
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v, buffers, inline)]));
}
