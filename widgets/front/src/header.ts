/* Who runs, how far, at what cost, who is in control. */

import { h, setAttribute, setText, show } from "./dom.ts";
import { count, number, percent } from "./format.ts";
import { buttonIcon, stateIcon } from "./icons.ts";
import type { CommandName, Header, RunState } from "./protocol.ts";

const ORDER: readonly CommandName[] = ["run", "pause", "step", "stop", "freeze"];
const LABELS: Record<CommandName, string> = { run: "Run", pause: "Pause", step: "Step", stop: "Stop", freeze: "Freeze" };
/* A publisher sends at least a key frame every 5 s; after three of them have failed to come, live is no longer known. */
const SILENT_AFTER = 15;

export class HeaderView {
  readonly node: HTMLElement;
  private readonly name = h("span", { class: "vg-name" });
  private readonly method = h("span", { class: "vg-method" });
  private readonly state = h("span", { class: "vg-state" });
  private readonly stateWord = h("span", {});
  private readonly stateNote = h("span", { class: "vg-small" });
  private readonly stepNumber = h("b", {});
  private readonly stepTotal = h("span", {});
  private readonly stepRoom = h("span", { class: "vg-room", "aria-hidden": "true" });
  private readonly rate = h("span", { class: "vg-rate" });
  private readonly cost = h("span", { class: "vg-cost" });
  private readonly costValue = h("b", {});
  private readonly costBudget = h("span", { class: "vg-small" });
  private readonly note = h("span", { class: "vg-small vg-controls-note" });
  private readonly buttons = new Map<CommandName, HTMLButtonElement>();
  private readonly words = new Map<CommandName, HTMLElement>();
  private header: Header | null = null;
  private shape: RunState | null = null;
  private silent = 0;
  private trouble = "";

  constructor(press: ((name: CommandName) => void) | null) {
    this.state.append(this.stateWord);
    this.cost.append("watching costs ", this.costValue, " ", this.costBudget);
    const bar = h("span", { class: "vg-buttons", role: "group", "aria-label": "The run" });
    if (press !== null) {
      for (const name of ORDER) {
        const word = h("span", {}, LABELS[name]);
        const button = h("button", { type: "button", class: "vg-button", "data-command": name }, buttonIcon(name), word);
        button.addEventListener("click", () => {
          if (this.can(name)) press(name);
        });
        this.buttons.set(name, button);
        this.words.set(name, word);
        bar.append(button);
      }
    }
    const step = h("span", { class: "vg-step" }, h("span", {}, "step ", this.stepNumber, this.stepTotal), this.stepRoom);
    this.node = h(
      "header",
      { class: "vg-header" },
      h("span", { class: "vg-facts" }, this.name, this.method, this.state, this.stateNote, step, this.rate, this.cost),
      h("span", { class: "vg-reach" }, this.note, bar),
    );
  }

  /** Whether a command may be given now. */
  can(name: CommandName): boolean {
    return this.header?.buttons[name]?.enabled ?? false;
  }

  /** Why a command may not be given now, for those who pressed its key. */
  why(name: CommandName): string {
    return this.header?.buttons[name]?.why ?? "";
  }

  get runState(): RunState {
    return this.header?.state ?? "idle";
  }

  /** Says beside the buttons what became of one that was pressed; "" when all is well. */
  say(trouble: string): void {
    this.trouble = trouble;
    if (this.header !== null) this.writeNote(this.header);
  }

  /** How long ago the kernel was last heard. */
  heard(secondsAgo: number): void {
    const silent = this.header?.state === "live" && secondsAgo > SILENT_AFTER ? Math.floor(secondsAgo) : 0;
    if (silent === this.silent) return;
    this.silent = silent;
    if (this.header !== null) this.writeState(this.header);
  }

  update(header: Header): void {
    this.header = header;
    setText(this.name, header.name);
    setText(this.method, header.method);
    this.writeState(header);
    setText(this.stepNumber, count(header.step));
    // Unseen words of the widest kind keep the room, so that what follows does not move.
    setText(this.stepRoom, header.total === null ? "" : `step ${count(header.total)} of ${count(header.total)}`);
    setText(this.stepTotal, header.total === null ? "" : ` of ${count(header.total)}`);
    show(this.rate, header.rate !== null);
    if (header.rate !== null) setText(this.rate, `${rateText(header.rate)} steps/s`);
    setText(this.costValue, header.cost === null ? "" : percent(header.cost));
    const over = header.cost !== null && header.cost > header.budget;
    const budget = over ? `over its budget of ${percent(header.budget)}` : `budget ${percent(header.budget)}`;
    setText(this.costBudget, header.cost === null ? "not measured yet" : budget);
    this.cost.classList.toggle("vg-over", over);
    this.writeNote(header);
    for (const name of ORDER) this.writeButton(name, header);
  }

  private writeState(header: Header): void {
    const lost = this.silent > 0;
    const shape: RunState = lost ? "idle" : header.state;
    if (shape !== this.shape) {
      this.shape = shape;
      this.state.replaceChildren(stateIcon(shape), this.stateWord);
      setAttribute(this.state, "data-run", shape);
    }
    setText(this.stateWord, lost ? "no answer" : header.state);
    const note = lost ? `nothing heard from the kernel for ${this.silent} s` : header.state_note;
    setText(this.stateNote, note);
    show(this.stateNote, note !== "");
  }

  private writeNote(header: Header): void {
    setText(this.note, this.trouble || header.controls_note);
    this.note.classList.toggle("vg-strong", header.controls_late || this.trouble !== "");
  }

  private writeButton(name: CommandName, header: Header): void {
    const button = this.buttons.get(name);
    const word = this.words.get(name);
    if (button === undefined || word === undefined) return;
    const spec = header.buttons[name];
    show(button, spec !== undefined);
    if (spec === undefined) return;
    setText(word, spec.label || LABELS[name]);
    // Not `disabled`: a button that can be reached can also say why it does nothing.
    setAttribute(button, "aria-disabled", spec.enabled ? null : "true");
    setAttribute(button, "title", spec.enabled ? null : spec.why || null);
  }
}

function rateText(rate: number): string {
  if (rate >= 100) return count(rate);
  return number(rate, rate >= 10 ? 0 : 1);
}
