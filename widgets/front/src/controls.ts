/* The controls: a slider or a choice each, with its value, its default, and whether it has been applied. */

import { ChoiceView } from "./choice.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { count, parse, setting } from "./format.ts";
import type { Ack, Control, Frame, SliderControl } from "./protocol.ts";
import { lowest, notch, valueAt } from "./scale.ts";
import { drawTrack, partAt } from "./slider.ts";
import { PATIENCE, Wishes, type Value } from "./wish.ts";

export type Send = (name: string, value: Value) => string;

/** Keys come in bursts; the run is asked once, for where the burst ended. */
const BURST_MS = 180;
const NARROW = 350;

export interface ControlView {
  readonly node: HTMLElement;
  update(control: Control, why: string): void;
  answer(ack: Ack): void;
  tick(now: number, why: string): void;
  resized(): void;
  ask(value: Value): void;
}

export function seconds(): number {
  return performance.now() / 1000;
}

export function ackWords(ack: Ack): string {
  if (ack.state === "refused") return `refused: ${ack.why || "no reason given"}`;
  return ack.step === null ? "applied" : `applied at step ${count(ack.step)}`;
}

/** The line that tells the truth: pending, applied at which step, or why not. */
export class NoteLine {
  readonly node = h("span", { class: "vg-small vg-control-note" });
  private readonly mark = h("span", { "aria-hidden": "true" });
  private readonly words = h("span", {});

  constructor() {
    this.node.append(this.mark, this.words);
  }

  write(kind: "none" | "pending" | "applied" | "refused", words: string): void {
    setText(this.mark, { none: "", pending: "◌ ", applied: "✓ ", refused: "▲ " }[kind]);
    setText(this.words, words);
    setAttribute(this.node, "data-kind", kind);
  }

  tell(wishes: Wishes, control: Control, was: string, waiting: number, why: string): void {
    const elsewhere = wishes.wish === null && control.pending !== null;
    if (wishes.wish !== null || elsewhere) {
      const late = waiting > PATIENCE;
      const cause = why === "" || why.startsWith("all controls") ? `no answer for ${Math.floor(waiting)} s` : why;
      this.write("pending", late ? `not yet, still ${was}: ${cause}` : `pending, was ${was}`);
    } else if (wishes.told !== "") this.write(wishes.refused ? "refused" : "applied", wishes.told);
    else if (control.refused !== "") this.write("refused", `refused: ${control.refused}`);
    else if (control.note !== "") this.write("applied", control.note);
    else this.write("none", "");
  }
}

export class SliderView implements ControlView {
  readonly node: HTMLElement;
  private readonly label = h("span", { class: "vg-label" });
  private readonly unit = h("span", { class: "vg-small" });
  private readonly note = new NoteLine();
  private readonly value = h("button", { type: "button", class: "vg-value", title: "Double click, or Enter, to type a value" });
  private readonly input = h("input", { type: "text", inputmode: "decimal", class: "vg-value-input", hidden: true });
  private readonly slider: HTMLElement;
  private readonly wishes = new Wishes();
  private dragging = false;
  private burst: ReturnType<typeof setTimeout> | null = null;
  private why = "";

  constructor(private control: SliderControl, private readonly send: Send) {
    this.slider = h("div", { class: "vg-slider", role: "slider", tabindex: 0, "data-slider": control.name });
    const top = h("div", { class: "vg-control-top" }, this.label, this.unit, this.note.node, this.value, this.input);
    this.node = h("div", { class: "vg-control", "data-control": control.name }, top, this.slider);
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.slider.addEventListener("pointerdown", (event) => this.grab(event));
    this.slider.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      this.slider.addEventListener(end, () => this.release());
    }
    this.value.addEventListener("dblclick", () => this.edit());
    // A click without a pointer is Enter or Space on the focused number.
    this.value.addEventListener("click", (event) => (event.detail === 0 ? this.edit() : undefined));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.typed();
      if (event.key === "Escape") this.stopEdit(true);
    });
    this.input.addEventListener("blur", () => this.stopEdit(false));
    this.update(control, "");
  }

  update(control: Control, why: string): void {
    if (control.kind !== "slider") return;
    this.control = control;
    this.why = why;
    this.wishes.frame(control.value, control.note, control.pending, seconds());
    this.draw();
  }

  answer(ack: Ack): void {
    if (this.wishes.answer(ack, ackWords(ack))) this.draw();
  }

  tick(now: number, why: string): void {
    this.why = why;
    if (this.wishes.waiting(now) > PATIENCE) this.draw();
  }

  resized(): void {
    this.draw();
  }

  private get applied(): number {
    return Number(this.wishes.applied(this.control.value));
  }

  private get shown(): number {
    return Number(this.wishes.wish?.value ?? this.control.pending ?? this.applied);
  }

  private draw(): void {
    const { control, shown, applied } = this;
    const pending = this.wishes.wish !== null || control.pending !== null;
    setText(this.label, control.label);
    setText(this.unit, control.unit);
    const text = setting(shown, control.digits);
    const was = setting(applied, control.digits);
    setText(this.value, text);
    this.note.tell(this.wishes, control, was, this.wishes.waiting(seconds()), this.why);
    const total = this.node.clientWidth;
    this.node.classList.toggle("vg-narrow", total < NARROW);
    if (total > 0) this.slider.replaceChildren(drawTrack(control, shown, pending ? applied : null, total));
    setAttribute(this.slider, "aria-label", `${control.label}, ${control.unit}`);
    setAttribute(this.slider, "aria-valuemin", String(lowest(control)));
    setAttribute(this.slider, "aria-valuemax", String(control.high));
    setAttribute(this.slider, "aria-valuenow", String(shown));
    setAttribute(this.slider, "aria-valuetext", pending ? `${text}, pending, was ${was}` : text);
    const usual = control.default === null ? "" : `Default ${setting(control.default, control.digits)}. `;
    setAttribute(this.slider, "title", `${usual}Arrow keys move it, Enter types a value.`);
    setAttribute(this.input, "aria-label", `${control.label}, exact value`);
  }

  private wishFor(value: number): void {
    this.wishes.ask(value, seconds());
    this.draw();
  }

  ask(value: Value): void {
    this.wishFor(Number(value));
    this.commit();
  }

  private commit(): void {
    if (this.burst !== null) clearTimeout(this.burst);
    this.burst = null;
    const wish = this.wishes.wish;
    if (wish === null || wish.id !== null) return;
    this.wishes.sent(this.send(this.control.name, wish.value), seconds());
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 10 : 1;
    const low = lowest(this.control);
    const { high } = this.control;
    let next: number;
    if (event.key === "ArrowRight" || event.key === "ArrowUp") next = notch(this.shown, by, this.control);
    else if (event.key === "ArrowLeft" || event.key === "ArrowDown") next = notch(this.shown, -by, this.control);
    else if (event.key === "PageUp") next = notch(this.shown, 10, this.control);
    else if (event.key === "PageDown") next = notch(this.shown, -10, this.control);
    else if (event.key === "Home") next = low;
    else if (event.key === "End") next = high;
    else if (event.key === "Enter") return this.edit(), event.preventDefault();
    else return;
    event.preventDefault();
    this.wishFor(next);
    if (this.burst !== null) clearTimeout(this.burst);
    this.burst = setTimeout(() => this.commit(), BURST_MS);
  }

  private follow(event: PointerEvent): void {
    const box = this.slider.getBoundingClientRect();
    this.wishFor(valueAt(partAt(event.clientX - box.left, box.width), this.control));
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.dragging = true;
    this.slider.setPointerCapture(event.pointerId);
    this.follow(event);
  }

  private drag(event: PointerEvent): void {
    if (this.dragging) this.follow(event);
  }

  /* The run is asked where the thumb is let go, not at every place on the way: each change is a mark in the record. */
  private release(): void {
    if (!this.dragging) return;
    this.dragging = false;
    this.commit();
  }

  private edit(): void {
    this.input.value = setting(this.shown, this.control.digits).replace("−", "-");
    this.value.hidden = true;
    this.input.hidden = false;
    this.input.focus();
    this.input.select();
  }

  private typed(): void {
    const value = parse(this.input.value);
    if (value === null) {
      this.note.write("refused", `"${this.input.value}" is no number`);
      return;
    }
    this.stopEdit(true);
    this.wishFor(value);
    this.commit();
  }

  private stopEdit(focus: boolean): void {
    if (this.input.hidden) return;
    this.input.hidden = true;
    this.value.hidden = false;
    if (focus) this.value.focus();
    this.draw();
  }
}

/** Why a control cannot be set now; "" when it can. `frame` is null where nothing trains behind the picture. */
export function refusal(frame: Frame | null, name: string): string {
  if (frame === null) return "Nothing trains behind this picture.";
  const { state } = frame.header;
  if (state !== "live" && state !== "paused") return `The run is ${state}.`;
  return frame.controls.some((control) => control.name === name) ? "" : `This run has no control "${name}".`;
}

export class ControlsView {
  readonly node = h("div", { class: "vg-controls", role: "group", "aria-label": "Controls of the run", hidden: true });
  private readonly views = new Map<string, ControlView>();
  private names = "";

  constructor(private readonly view: string, private readonly send: Send) {}

  update(controls: readonly Control[], why: string): void {
    const names = controls.map((c) => `${c.kind}:${c.name}`).join("|");
    if (names !== this.names) this.rebuild(controls, names);
    for (const control of controls) this.views.get(control.name)?.update(control, why);
  }

  /** What somebody chose elsewhere than on its slider; shown here as pending until it is applied. */
  ask(name: string, value: Value): void {
    this.views.get(name)?.ask(value);
  }

  /** What a control says of its value: "pending, was 0.50", "applied at step 620", or why it was refused. */
  told(name: string): { kind: string; words: string } {
    const note = this.views.get(name)?.node.querySelector<HTMLElement>(".vg-control-note");
    return { kind: note?.dataset["kind"] ?? "none", words: note?.textContent ?? "" };
  }

  private rebuild(controls: readonly Control[], names: string): void {
    this.names = names;
    this.views.clear();
    for (const control of controls) {
      this.views.set(
        control.name,
        control.kind === "slider" ? new SliderView(control, this.send) : new ChoiceView(control, this.view, this.send),
      );
    }
    this.node.replaceChildren(...[...this.views.values()].map((view) => view.node));
    this.node.hidden = controls.length === 0;
    // Five or six would leave one or two alone in a second row of four.
    this.node.dataset["across"] = String([3, 5, 6, 9].includes(controls.length) ? 3 : 4);
    for (const view of this.views.values()) view.resized();
  }

  answer(ack: Ack): void {
    for (const view of this.views.values()) view.answer(ack);
  }

  tick(now: number, why: string): void {
    for (const view of this.views.values()) view.tick(now, why);
  }

  resized(): void {
    for (const view of this.views.values()) view.resized();
  }
}
