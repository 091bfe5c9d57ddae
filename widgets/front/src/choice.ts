/* A control with a few named values: a group of radio buttons. */

import { ackWords, NoteLine, seconds, type ControlView, type Send } from "./controls.ts";
import { h, setText } from "./dom.ts";
import type { Ack, ChoiceControl, Control } from "./protocol.ts";
import { PATIENCE, Wishes, type Value } from "./wish.ts";

export class ChoiceView implements ControlView {
  readonly node: HTMLElement;
  private readonly label = h("span", { class: "vg-label" });
  private readonly unit = h("span", { class: "vg-small" });
  private readonly note = new NoteLine();
  private readonly options = h("div", { class: "vg-options" });
  private readonly inputs = new Map<string, HTMLInputElement>();
  private readonly wishes = new Wishes();
  private built = "";
  private why = "";

  constructor(private control: ChoiceControl, private readonly view: string, private readonly send: Send) {
    const top = h("div", { class: "vg-control-top" }, this.label, this.unit, this.note.node);
    this.node = h(
      "div",
      { class: "vg-control", "data-control": control.name, role: "radiogroup", "aria-label": control.label },
      top,
      this.options,
    );
    this.update(control, "");
  }

  update(control: Control, why: string): void {
    if (control.kind !== "choice") return;
    this.control = control;
    this.why = why;
    this.wishes.frame(control.value, control.note, control.pending, seconds());
    if (control.options.join("|") !== this.built) this.build(control);
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
    this.node.classList.toggle("vg-narrow", this.node.clientWidth < 350);
  }

  private build(control: ChoiceControl): void {
    this.built = control.options.join("|");
    this.inputs.clear();
    this.options.replaceChildren();
    for (const option of control.options) {
      const input = h("input", { type: "radio", name: `vg-${this.view}-${control.name}`, value: option });
      input.addEventListener("change", () => this.ask(option));
      this.inputs.set(option, input);
      const words = h("span", {}, option);
      const isDefault = option === control.default ? h("span", { class: "vg-small" }, "default") : null;
      this.options.append(h("label", { class: "vg-option" }, input, words, isDefault));
    }
  }

  ask(value: Value): void {
    this.wishes.ask(value, seconds());
    this.wishes.sent(this.send(this.control.name, value), seconds());
    this.draw();
  }

  private draw(): void {
    const applied = String(this.wishes.applied(this.control.value));
    const shown = String(this.wishes.wish?.value ?? this.control.pending ?? applied);
    setText(this.label, this.control.label);
    setText(this.unit, this.control.unit);
    this.note.tell(this.wishes, this.control, applied, this.wishes.waiting(seconds()), this.why);
    for (const [option, input] of this.inputs) {
      input.checked = option === shown;
      input.classList.toggle("vg-asked", option === shown && shown !== applied);
      input.classList.toggle("vg-was", option === applied && shown !== applied);
    }
  }
}
