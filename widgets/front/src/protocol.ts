/* What travels between kernel and browser, and the rule for what is kept: the newest only. */

import type { AssetMessage } from "./assets.ts";
import type { Panel } from "./spec.ts";

export type RunState = "idle" | "live" | "paused" | "stopped" | "finished" | "failed";
export type CommandName = "run" | "pause" | "step" | "stop" | "freeze";

export interface ButtonSpec {
  enabled: boolean;
  why: string;
  label: string;
}

export interface Header {
  name: string;
  method: string;
  state: RunState;
  state_note: string;
  step: number;
  total: number | null;
  rate: number | null;
  cost: number | null;
  budget: number;
  controls_note: string;
  controls_late: boolean;
  saved: string;
  saved_note: string;
  buttons: Partial<Record<CommandName, ButtonSpec>>;
}

export interface Notice {
  severity: "note" | "warning" | "failure";
  step: number | null;
  text: string;
}

/** One number that a finding rests on. */
export interface Chip {
  noun: string;
  /** The panel that shows it; "" where none does. */
  home: string;
  words: string;
  step: number;
  title: string;
}

/** What can be done with one press. */
export interface Remedy {
  label: string;
  control: string;
  value: number | string;
}

export interface Finding {
  ident: string;
  name: string;
  severity: "note" | "warning" | "failure";
  since: number;
  says: string;
  confidence: string;
  chips: Chip[];
  /** What to try, in words; the first is the best. */
  try: string[];
  remedy: Remedy | null;
  apart: string[];
  explains: string[];
  notebook: string;
}

/** What was looked for and found, at the step that is shown. */
export interface Strip {
  /** Worst first. */
  findings: Finding[];
  counts: string;
  /** What is said where nothing was found; "" where nothing was looked for yet. */
  healthy: string;
  /** What could not be looked for, and why. */
  lacking: string[];
  past: boolean;
  /** Of an earlier step: how many findings are open now. */
  ahead: number;
}

interface ControlCommon {
  name: string;
  label: string;
  unit: string;
  note: string;
  refused: string;
}

export interface SliderControl extends ControlCommon {
  kind: "slider";
  scale: "log" | "linear";
  low: number;
  high: number;
  ticks: number[];
  value: number;
  default: number | null;
  digits: number;
  /** Records of older runs have neither: 0 is allowed on a logarithmic scale; only whole numbers are. */
  may_be_zero?: boolean;
  whole?: boolean;
  pending: number | null;
}

export interface ChoiceControl extends ControlCommon {
  kind: "choice";
  options: string[];
  value: string;
  default: string | null;
  pending: string | null;
}

export type Control = SliderControl | ChoiceControl;

export interface TimelineEvent {
  step: number;
  kind: "control" | "state" | "failed" | "mark" | "finding";
  label: string;
  /** Of a finding: the step at which it had gone; null while it is open. */
  until?: number | null;
  severity?: Finding["severity"];
}

export interface Timeline {
  first: number;
  last: number;
  total: number | null;
  /** The step every panel shows; null when they show the newest one. */
  at: number | null;
  /** What was asked for when that became the step. */
  asked?: number | null;
  /** The run that is compared; "" when none is. */
  ghost: string;
  /** The steps that can be gone to, ascending. */
  steps: ArrayLike<number>;
  events: TimelineEvent[];
}

export interface Frame {
  type: "frame";
  seq: number;
  /** Whether the page is to say when this one, or a newer one, has been painted. */
  confirm: boolean;
  key: boolean;
  time: number;
  header: Header;
  controls: Control[];
  notices: Notice[];
  /** Comes when it is new; between, the one before holds. */
  findings?: Strip;
  panels: Record<string, Panel>;
  order: string[];
  /** Steps and events come when they are new; between, those that came before hold. */
  timeline?: Timeline;
}

export interface Ack {
  type: "ack";
  id: string;
  name: string;
  value: number | string | null;
  state: "applied" | "refused";
  step: number | null;
  why: string;
}

export type FromKernel =
  | Frame
  | Ack
  | AssetMessage
  | { type: "ping"; id: number; time: number }
  | { type: "frozen"; where: string };

export type ToKernel =
  | { type: "ready"; view: string; dark: boolean; width: number }
  | { type: "want_key"; view: string; dark: boolean; width: number }
  | { type: "shown"; view: string; seq: number; ms: number }
  | { type: "hidden"; view: string; hidden: boolean }
  | { type: "gone"; view: string }
  | { type: "pong"; id: number }
  | { type: "control"; id: string; name: string; value: number | string }
  | { type: "command"; id: string; name: CommandName }
  | { type: "dismiss"; finding: string; ident: string }
  | { type: "option"; noun: string; name: string; value: string }
  | { type: "want_asset"; name: string }
  | { type: "seek"; step: number | null }
  | { type: "layout"; view: string; shown: readonly string[] };

type Bytes = DataView | ArrayBuffer | Uint8Array;

/* A view may start at any byte of the message; typed arrays need an aligned start, so the bytes are copied. */
function bytesOf(buffer: Bytes): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer.slice(0);
  const copy = new Uint8Array(buffer.byteLength);
  copy.set(new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength));
  return copy.buffer;
}

function typed(bytes: ArrayBuffer, dtype: string): Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array {
  switch (dtype) {
    case "float32":
      return new Float32Array(bytes);
    case "float64":
      return new Float64Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    case "uint16":
      return new Uint16Array(bytes);
    case "uint8":
      return new Uint8Array(bytes);
    default:
      throw new Error(`An array of kind "${dtype}" came from the kernel; this cockpit reads float32, float64, int32, uint16 and uint8.`);
  }
}

function fromBase64(text: string): ArrayBuffer {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

/** Puts the arrays of a message where their place-holders stand. */
export function unpack(value: unknown, buffers: readonly Bytes[]): unknown {
  if (Array.isArray(value)) return value.map((item) => unpack(item, buffers));
  if (value === null || typeof value !== "object") return value;
  const record = value as Record<string, unknown>;
  const inline = record["$base64"];
  const index = record["$buffer"];
  if (typeof inline === "string" || typeof index === "number") {
    let bytes: ArrayBuffer;
    if (typeof inline === "string") {
      bytes = fromBase64(inline);
    } else {
      const buffer = buffers[index as number];
      if (buffer === undefined) throw new Error(`A message names array ${index}, but only ${buffers.length} came with it.`);
      bytes = bytesOf(buffer);
    }
    const data = typed(bytes, String(record["dtype"]));
    const shape = record["shape"];
    return Array.isArray(shape) && shape.length >= 2 ? { data, shape } : data;
  }
  const out: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(record)) out[name] = unpack(item, buffers);
  return out;
}

/** What is known after every frame so far: the newest header, and the newest of each panel. */
export class Feed {
  frame: Frame | null = null;
  /** Nouns that changed since they were last taken by `take`. */
  private changed = new Set<string>();

  /** Merges a frame. `gap` says that a frame before this one is missing, so a key frame is needed. */
  accept(next: Frame): { applied: boolean; gap: boolean } {
    const last = this.frame;
    if (last === null) {
      if (!next.key) return { applied: false, gap: true };
      this.frame = next;
      for (const noun of next.order) this.changed.add(noun);
      return { applied: true, gap: false };
    }
    // A publisher that starts anew counts from the beginning; its key frame is newer by the clock.
    const anew = next.key && next.seq <= last.seq && next.time > last.time;
    if (next.seq <= last.seq && !anew) return { applied: false, gap: false };
    for (const noun of Object.keys(next.panels)) this.changed.add(noun);
    const panels = next.key ? next.panels : { ...last.panels, ...next.panels };
    this.frame = { ...next, panels };
    if (next.findings === undefined && last.findings !== undefined) this.frame.findings = last.findings;
    if (next.timeline !== undefined) this.frame.timeline = { ...last.timeline, ...next.timeline };
    return { applied: true, gap: !next.key && next.seq > last.seq + 1 };
  }

  /** The nouns that need drawing, once. */
  take(): Set<string> {
    const nouns = this.changed;
    this.changed = new Set();
    return nouns;
  }

  /** Everything needs drawing again: the theme or the size changed. */
  all(): void {
    for (const noun of this.frame?.order ?? []) this.changed.add(noun);
  }
}
