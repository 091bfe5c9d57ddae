/* One panel: title line, plot, foot line, and its five states at one height. */

import { h, setAttribute, setText, show } from "./dom.ts";
import { count } from "./format.ts";
import { drawCrosshair, fillReadout, pointAt, type Crosshair, type Pointed } from "./hover.ts";
import type { Memory } from "./labels.ts";
import { drawPicture, readBack, type Picture, type Series } from "./pen/picture.ts";
import { drawTable } from "./pen/table.ts";
import type { Asset } from "./assets.ts";
import type { Local } from "./pen/stage.ts";
import type { Panel, State } from "./spec.ts";
import { stateNote } from "./states.ts";
import type { Tokens } from "./theme.ts";
import { TOOLS, type Tools } from "./tools.ts";

/** What a test, or a curious reader, can ask a panel. */
export interface Drawn {
  step: number | null;
  state: State;
  headline: { name: string; text: string; reference: string } | null;
  series: Series;
  words: { text: string; clear: boolean; box: [number, number, number, number] }[];
  beyond: number;
  /** What the reader chose, where the panel has tools. */
  tools: Record<string, unknown>;
}

/** What a panel may ask of the cockpit. */
export interface Host {
  readonly live: boolean;
  option(noun: string, name: string, value: string): void;
  control(name: string, value: number): void;
  refusal(name: string): string;
  asset(name: string): Asset | null;
  redraw(noun: string): void;
}

/* What a title line gives up, one after the other, when it is too long: the unit, the name of the value (the axis
 * gives both), and last its single line. */
const TIGHTER = ["vg-tight", "vg-tighter", "vg-tightest"];

export class PanelView {
  readonly section: HTMLElement;
  private readonly nounNode: HTMLButtonElement;
  private readonly when = h("span", { class: "vg-when" });
  private readonly unit = h("span", { class: "vg-unit" });
  private readonly valueName = h("b", { class: "vg-value-name" });
  private readonly value = h("b", {});
  private readonly reference = h("span", { class: "vg-small" });
  private readonly headline: HTMLElement;
  private readonly title: HTMLElement;
  private readonly ends: HTMLElement;
  private readonly body = h("div", { class: "vg-body" });
  private readonly plot = h("div", { class: "vg-plot", role: "img" });
  private readonly lower = h("canvas", { "aria-hidden": "true" });
  private readonly upper = h("canvas", { class: "vg-upper", "aria-hidden": "true" });
  private readonly readout = h("div", { class: "vg-readout", "aria-hidden": "true", hidden: true });
  private readonly note = h("div", { class: "vg-note", hidden: true });
  private readonly tableBox = h("div", { class: "vg-table-box", hidden: true, tabindex: 0 });
  private readonly tableButton = h("button", { type: "button", class: "vg-quiet vg-table-button" }, "Table");
  private readonly causeButton = h("button", { type: "button", class: "vg-quiet vg-cause-button", hidden: true }, "Show cause");
  private readonly footWords = h("span", {});
  private readonly footLate = h("b", {});
  private readonly footRight = h("span", { class: "vg-right" });
  private readonly foot = h("div", { class: "vg-foot" }, h("span", {}, this.footWords, this.footLate), this.footRight);
  private panel: Panel | null = null;
  /** The last one that could be drawn; a failed panel still shows it on request. */
  private good: Panel | null = null;
  private picture: Picture | null = null;
  private memory: Memory = new Map();
  private showsTable = false;
  private showsLast = false;
  private drawError = "";
  private width = 0;
  private height = 0;
  /** What the lines held when they were last fitted: measuring them costs a layout, and numbers keep their width. */
  private fitted = "";
  private footHeight = 0;
  private upperUsed = false;
  private readonly local: Local = new Map();
  private readonly bar = h("div", { class: "vg-toolbar" });
  private readonly tools: Tools | null;
  private readonly stopListening: () => void;

  constructor(
    readonly noun: string,
    view: string,
    private readonly crosshair: Crosshair,
    private readonly host: Host,
  ) {
    const endsId = `vg-${view}-${noun}-ends`;
    this.nounNode = h("button", { type: "button", class: "vg-noun", "aria-describedby": endsId }, noun);
    this.ends = h("div", { class: "vg-ends", role: "tooltip", id: endsId });
    this.headline = h("span", { class: "vg-headline" }, this.valueName, this.value, this.reference);
    this.title = h("h3", { class: "vg-title" }, this.nounNode, this.when, this.unit, this.headline);
    this.plot.append(this.lower, this.upper);
    this.body.append(this.plot, this.readout, this.note, this.tableBox, this.tableButton, this.causeButton);
    this.section = h(
      "section",
      { class: "vg-panel", "data-panel": noun, "data-state": "empty", tabindex: 0, "aria-label": `Panel ${noun}` },
      this.title,
      this.ends,
      this.body,
      this.foot,
    );
    this.tableButton.addEventListener("click", () => this.toggleTable());
    this.causeButton.addEventListener("click", () => {
      this.showsLast = false;
      this.host.redraw(this.noun);
    });
    this.plot.addEventListener("pointermove", (event) => {
      const box = this.plot.getBoundingClientRect();
      if (this.picture !== null) crosshair.point(pointAt(this.picture, noun, event.clientX - box.left, event.clientY - box.top));
    });
    this.plot.addEventListener("pointerleave", () => crosshair.point(null));
    this.stopListening = crosshair.listen((pointed) => this.drawUpper(pointed));
    const { section, body, plot, bar, local } = this;
    this.body.append(bar);
    this.tools =
      TOOLS[noun]?.({
        noun, section, body, plot, bar, local, live: host.live,
        option: (name, value) => host.option(noun, name, value),
        control: (name, value) => host.control(name, value),
        refusal: (name) => host.refusal(name),
        asset: (name) => host.asset(name),
        redraw: () => host.redraw(noun),
      }) ?? null;
  }

  /** A key pressed in this panel; true when its tools used it. */
  key(event: KeyboardEvent): boolean {
    return this.tools?.key(event) ?? false;
  }

  get keysInWords(): readonly string[] {
    return this.tools?.keys ?? [];
  }

  dispose(): void {
    this.stopListening();
    this.tools?.dispose();
    this.section.remove();
  }

  get endsInWords(): readonly string[] {
    return (this.panel?.ends ?? []).filter((end) => end !== "");
  }

  toggleTable(): void {
    this.showsTable = !this.showsTable;
    this.host.redraw(this.noun);
  }

  /** The size changed: words may stand elsewhere, and what had no room may have some. */
  resized(): void {
    this.memory.clear();
    this.section.classList.remove(...TIGHTER);
    this.fitted = "";
    this.width = 0;
    this.footHeight = 0;
    this.foot.style.minHeight = "";
  }

  /** Takes a new spec and draws it. */
  update(panel: Panel, tokens: Tokens): void {
    this.panel = panel;
    this.drawError = "";
    if (panel.state === "failed") {
      if (panel.plots.length > 0) this.good = panel;
      if (this.showsLast && this.good !== null) this.paint(this.good, tokens);
    } else if (panel.plots.length > 0 && panel.state !== "empty" && panel.state !== "loading") {
      this.paint(panel, tokens);
    }
    if (this.state !== "failed") this.showsLast = false;
    this.write(panel);
  }

  private get state(): State {
    return this.drawError !== "" ? "failed" : (this.panel?.state ?? "empty");
  }

  private paint(panel: Panel, tokens: Tokens): void {
    try {
      this.picture = this.onPaper(panel, tokens);
      this.good = panel;
    } catch (error) {
      this.drawError = error instanceof Error ? error.message : String(error);
      // Half a picture would pass for a whole one, so the one before it is drawn again.
      if (this.good !== null && this.good !== panel) {
        try {
          this.picture = this.onPaper(this.good, tokens);
        } catch {
          this.good = null;
        }
      }
    }
  }

  private onPaper(panel: Panel, tokens: Tokens): Picture | null {
    const ratio = window.devicePixelRatio || 1;
    if (this.width === 0) this.measure(ratio);
    const { width, height } = this;
    if (width === 0 || height === 0) return this.picture;
    const ctx = this.lower.getContext("2d");
    if (ctx === null) throw new Error("this browser gives no canvas to draw on");
    const asset = (name: string): Asset | null => this.host.asset(name);
    const shown = this.tools?.prepare?.(panel) ?? panel;
    const picture = drawPicture({ ctx, width, height, ratio, tokens, memory: this.memory, local: this.local, asset }, shown);
    this.tokens = tokens;
    this.tools?.drawn(picture, panel, tokens);
    return picture;
  }

  private tokens: Tokens | null = null;

  /* Columns of a grid begin between pixels. A canvas that does too is resampled, and its words are blurred; so it
   * is moved to the next whole pixel and given a whole number of them. */
  private measure(ratio: number): void {
    const box = this.body.getBoundingClientRect();
    const width = Math.floor(box.width);
    const height = Math.floor(box.height);
    this.width = width;
    this.height = height;
    const shift = (place: number): string => `${(Math.round(place * ratio) / ratio - place).toFixed(3)}px`;
    const left = shift(box.left);
    const top = shift(box.top);
    for (const canvas of [this.lower, this.upper]) {
      const columns = Math.round(width * ratio);
      const rows = Math.round(height * ratio);
      if (canvas.width !== columns) canvas.width = columns;
      if (canvas.height !== rows) canvas.height = rows;
      canvas.style.width = `${columns / ratio}px`;
      canvas.style.height = `${rows / ratio}px`;
      canvas.style.left = left;
      canvas.style.top = top;
    }
  }

  private write(panel: Panel): void {
    const state = this.state;
    setAttribute(this.section, "data-state", state);
    setAttribute(this.section, "data-step", panel.step === null ? null : String(panel.step));
    setText(this.unit, panel.unit);
    setText(this.when, whenText(panel, state));
    show(this.when, this.when.textContent !== "");
    const headline = state === "empty" || state === "loading" ? null : panel.headline;
    show(this.headline, headline !== null);
    if (headline !== null) {
      const name = headline.name === panel.noun ? "" : headline.name;
      setText(this.valueName, name === "" ? "" : `${name} `);
      setText(this.value, headline.text);
      setText(this.reference, headline.reference || "no reference");
    }
    if (this.ends.textContent !== this.endsInWords.join("")) {
      this.ends.replaceChildren(...this.endsInWords.map((end) => h("p", {}, end)));
    }
    this.writeBody(panel, state);
    this.writeFoot(panel, state);
  }

  /** After all panels are written: what does not fit its line gives way, never cut in the middle. */
  fit(): void {
    const shape = (this.title.textContent + "|" + this.foot.textContent).replace(/\d/g, "0");
    if (shape === this.fitted) return;
    this.fitted = shape;
    const fits = (): boolean => this.title.scrollWidth <= this.title.clientWidth + 1;
    for (const less of TIGHTER) if (!fits()) this.section.classList.add(less);
    // Once the foot line has needed two rows it keeps them, so that a number that grows moves nothing.
    const tall = this.foot.scrollHeight;
    if (tall > this.footHeight) {
      this.footHeight = tall;
      this.foot.style.minHeight = `${tall}px`;
    }
  }

  private writeBody(panel: Panel, state: State): void {
    const last = this.good;
    const noted = state !== "live" && state !== "stopped" && !this.showsLast;
    const hasTable = panel.table.columns.length > 0;
    if (noted) {
      const canShow = state === "failed" && last !== null && last.plots.length > 0;
      this.note.replaceChildren(
        ...stateNote(panel, state, this.drawError, canShow ? last : null, () => {
          this.showsLast = true;
          this.host.redraw(this.noun);
        }),
      );
    }
    show(this.causeButton, this.showsLast);
    show(this.tableButton, hasTable && !this.showsLast);
    setText(this.tableButton, this.showsTable ? "Plot" : "Table");
    setAttribute(this.tableButton, "aria-pressed", String(this.showsTable));
    const table = this.showsTable && hasTable;
    if (table) {
      const scroll = this.tableBox.scrollTop;
      this.tableBox.replaceChildren(drawTable(panel));
      this.tableBox.scrollTop = scroll;
    }
    show(this.tableBox, table);
    show(this.note, noted && !table);
    show(this.plot, !noted && !table);
    // While another picture is made, what it was asked for by can still be changed.
    const waits = state === "loading" && this.good !== null;
    show(this.bar, (!noted || waits) && !table && this.tools !== null);
    setAttribute(this.plot, "aria-label", `${panel.noun}, ${panel.unit}. ${panel.summary}`);
    if (noted || table) this.readout.hidden = true;
    else this.drawUpper(this.crosshair.pointed);
  }

  private writeFoot(panel: Panel, state: State): void {
    const left = panel.foot_left.filter((t) => t !== "").join(", ");
    setText(this.footWords, panel.late !== "" && left !== "" ? `${left}, ` : left);
    setText(this.footLate, panel.late);
    const right = panel.foot_right.filter((t) => t !== "");
    const beyond = state === "live" || state === "stopped" ? (this.picture?.beyond ?? 0) : 0;
    if (beyond > 0 && !right.some((t) => t.includes("beyond"))) right.push(`${count(beyond)} beyond the frame`);
    setText(this.footRight, right.join(", "));
  }

  private drawUpper(pointed: Pointed | null): void {
    const nothing = pointed === null || this.picture === null || this.tokens === null || this.plot.hidden;
    if (nothing && !this.upperUsed) return;
    const ctx = this.upper.getContext("2d");
    if (ctx === null) return;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.upper.width, this.upper.height);
    this.readout.hidden = true;
    this.upperUsed = !nothing;
    if (pointed === null || this.picture === null || this.tokens === null || this.plot.hidden) return;
    const ratio = this.upper.width / Math.max(1, this.width);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const read = drawCrosshair(ctx, this.picture, this.noun, pointed, this.tokens);
    if (read !== null) fillReadout(this.readout, read, this.width);
  }

  drawn(): Drawn {
    const picture = this.picture;
    const hidden = this.headline.hidden;
    const name = this.panel?.headline?.name ?? "";
    return {
      step: this.section.dataset["step"] === undefined ? null : Number(this.section.dataset["step"]),
      state: this.state,
      headline: hidden
        ? null
        : {
            name,
            text: this.value.textContent ?? "",
            reference: this.reference.textContent ?? "",
          },
      series: picture === null ? {} : readBack(picture),
      words: (picture?.words ?? []).map((w) => ({
        text: w.text,
        clear: w.clear,
        box: [w.box.left, w.box.top, w.box.right, w.box.bottom],
      })),
      beyond: picture?.beyond ?? 0,
      tools: this.tools?.state() ?? {},
    };
  }
}

function whenText(panel: Panel, state: State): string {
  if (panel.step === null) return "";
  return state === "stopped" || state === "failed" ? `step ${count(panel.step)}` : "";
}
