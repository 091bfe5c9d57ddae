/* What is wrong, on what evidence, and what to try: the worst finding is open, the others are one press away.
 *
 * The words come from the kernel. What is done about a finding goes the way of every control, so this strip says
 * "pending" and "applied" as the slider does. */

import { h, setAttribute, setText, show } from "./dom.ts";
import { count } from "./format.ts";
import { triangle } from "./icons.ts";
import type { Chip, Finding, Remedy, Strip } from "./protocol.ts";
import { cross } from "./states.ts";
import type { Value } from "./wish.ts";

const WORDS: Record<Finding["severity"], string> = { note: "Note", warning: "Warning", failure: "Failure" };

/** What the strip may ask of the cockpit. */
export interface Around {
  /** There is a kernel to ask. */
  readonly live: boolean;
  control(name: string, value: Value): void;
  /** Why a control cannot be set now; "" when it can. */
  refusal(name: string): string;
  /** What the control itself says of the value that was asked for. */
  told(name: string): { kind: string; words: string };
  dismiss(finding: Finding): void;
  /** Marks a panel and brings it into view. */
  mark(noun: string): void;
  /** Puts every panel at a step; null is the newest. */
  go(step: number | null): void;
}

interface Stop {
  finding: number;
  /** Place among its chips; -1 is the finding itself. */
  chip: number;
}

/** The findings and the evidence of each, in the order in which F goes round them. */
export function stops(findings: readonly Finding[]): Stop[] {
  return findings.flatMap((one, finding) => [{ finding, chip: -1 }, ...one.chips.map((_, chip) => ({ finding, chip }))]);
}

/** The worst finding that each panel is evidence of, by its noun; notes mark nothing. */
export function evidence(findings: readonly Finding[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of [...findings].reverse()) {
    if (one.severity !== "note") for (const chip of one.chips) if (chip.home !== "") found.set(chip.home, one.name);
  }
  return found;
}

function says(one: Finding): Node[] {
  const sign = one.severity === "warning" ? [triangle()] : one.severity === "failure" ? [cross()] : [];
  const words = document.createTextNode(` since step ${count(one.since)}: ${one.says}`);
  return [...sign, h("span", { class: "vg-severity" }, WORDS[one.severity]), words];
}

function button(words: string, cls = "vg-button"): HTMLButtonElement {
  return h("button", { type: "button", class: cls }, words);
}

export class FindingsView {
  readonly node: HTMLElement;
  private readonly says = h("p", { tabindex: -1, class: "vg-finding-says" });
  private readonly facts = h("div", { class: "vg-chips" });
  private readonly rest = h("ul", { class: "vg-finding-rest", hidden: true });
  private readonly deeds = h("div", { class: "vg-finding-deeds" });
  private readonly remedy = button("", "vg-button vg-remedy");
  private readonly told = h("span", { class: "vg-small vg-control-note" });
  private readonly more = button("");
  private readonly why = button("Why");
  private readonly away = button("Dismiss");
  private readonly back = button("Live");
  private chips: HTMLButtonElement[] = [];
  private strip: Strip | null = null;
  private said = "";
  /** The finding that is open, where the reader chose one. */
  private chosen = "";
  private listed: "" | "others" | "why" = "";
  /** What was asked for, by the finding it was asked for. */
  private readonly asked = new Map<string, Remedy>();
  private readonly gone = new Set<string>();
  private readonly live = h("div", { class: "vg-finding-words", role: "status", "aria-live": "polite" }, this.says);

  constructor(private readonly around: Around) {
    this.deeds.append(this.remedy, this.more, this.why, this.away, this.back);
    const body = h("div", { class: "vg-finding-body" }, this.live, this.facts, this.rest);
    this.node = h("section", { class: "vg-findings", "aria-label": "Findings", hidden: true }, body, this.deeds);
    this.remedy.addEventListener("click", () => this.apply());
    this.away.addEventListener("click", () => this.dismiss());
    this.more.addEventListener("click", () => this.list("others"));
    this.why.addEventListener("click", () => this.list("why"));
    this.back.addEventListener("click", () => around.go(null));
  }

  /** The findings that are shown, worst first. */
  get findings(): readonly Finding[] {
    return (this.strip?.findings ?? []).filter((one) => !this.gone.has(one.ident));
  }

  private get open(): Finding | undefined {
    return this.findings.find((one) => one.ident === this.chosen) ?? this.findings[0];
  }

  update(strip: Strip | undefined): void {
    if (strip !== undefined) this.strip = strip;
    // Written only when it differs: a screen reader announces every change, and a tick is none.
    const said = JSON.stringify([this.strip, this.chosen, this.listed, [...this.gone]]);
    if (said !== this.said) {
      this.said = said;
      this.write();
    }
    this.refresh();
  }

  private again(): void {
    this.update(undefined);
  }

  private write(): void {
    const { strip, open } = this;
    const healthy = strip?.healthy ?? "";
    show(this.node, open !== undefined || healthy !== "");
    setAttribute(this.node, "data-severity", open?.severity ?? "none");
    setAttribute(this.node, "data-finding", open?.name ?? "");
    this.writeSays(open, strip, healthy);
    this.writeFacts(open, strip);
    this.writeRest(open, strip);
    const others = this.findings.length - 1;
    show(this.more, others > 0);
    setText(this.more, this.listed === "others" ? "Show one" : `${others} more`);
    setAttribute(this.more, "aria-expanded", String(this.listed === "others"));
    const lacking = strip?.lacking.length ?? 0;
    show(this.why, open !== undefined || (lacking > 0 && strip?.past !== true));
    setText(this.why, open !== undefined ? "Why" : "Which");
    setAttribute(this.why, "aria-expanded", String(this.listed === "why"));
    show(this.away, open !== undefined && this.around.live && strip?.past !== true);
    show(this.back, strip?.past === true && (strip.ahead > 0 || open !== undefined));
  }

  private writeSays(open: Finding | undefined, strip: Strip | null, healthy: string): void {
    const ahead = strip?.past === true && open === undefined ? strip.ahead : 0;
    const since = ahead === 0 ? "" : ` Since then: ${ahead} finding${ahead === 1 ? "" : "s"}.`;
    const nodes = open === undefined ? [document.createTextNode(healthy + since)] : says(open);
    const before = this.says.textContent;
    const holder = h("p", {}, ...nodes);
    if (holder.textContent !== before) this.says.replaceChildren(...nodes);
  }

  private writeFacts(open: Finding | undefined, strip: Strip | null): void {
    show(this.facts, open !== undefined);
    this.chips = (open?.chips ?? []).map((chip) => this.chip(chip));
    const words = [open?.confidence ?? "", strip?.past === true ? "" : (strip?.counts ?? "")].filter((part) => part !== "");
    const facts = h("span", { class: "vg-small" }, words.map((part) => `${part}.`).join(" "));
    const first = open?.try[0] ?? "";
    // Where nothing can be pressed it is said; what was pressed already needs no saying.
    const said = first !== "" && (open?.remedy == null || !this.around.live) && !this.asked.has(open?.ident ?? "");
    const hint = said ? [h("p", { class: "vg-finding-try" }, h("b", {}, "Try"), ` ${first}`)] : [];
    this.facts.replaceChildren(...this.chips, facts, this.told, ...hint);
  }

  private chip(chip: Chip): HTMLButtonElement {
    const made = h("button", { type: "button", class: "vg-chip", "data-home": chip.home, "data-step": chip.step });
    made.append(h("span", {}, chip.noun), h("i", {}, ` ${chip.words}`));
    const where = chip.home === "" ? `step ${count(chip.step)}` : `${chip.home} at step ${count(chip.step)}`;
    setAttribute(made, "title", `${chip.title}. Press to see ${where}.`);
    made.addEventListener("click", () => {
      this.around.go(chip.step);
      if (chip.home !== "") this.around.mark(chip.home);
    });
    return made;
  }

  private writeRest(open: Finding | undefined, strip: Strip | null): void {
    show(this.rest, this.listed !== "");
    if (this.listed === "others") {
      this.rest.replaceChildren(...this.findings.filter((one) => one !== open).map((one) => this.other(one)));
    } else if (this.listed === "why") {
      this.rest.replaceChildren(...this.reasons(open, strip).map((words) => h("li", {}, words)));
    }
  }

  private other(one: Finding): HTMLElement {
    const row = h("button", { type: "button", class: "vg-finding-other", "data-severity": one.severity }, ...says(one));
    row.addEventListener("click", () => this.choose(one));
    return h("li", {}, row);
  }

  private reasons(open: Finding | undefined, strip: Strip | null): string[] {
    const lacking = (strip?.lacking ?? []).map((words) => `Not checked: ${words}`);
    if (open === undefined) return lacking;
    const more = open.explains.length === 0 ? [] : [`It explains: ${open.explains.join(", ")}`];
    const book = open.notebook === "" ? [] : [`A notebook about it: ${open.notebook}`];
    const numbers = open.chips.map((chip) => `${chip.title}, measured at step ${count(chip.step)}`);
    const tries = open.try.map((words, i) => `Try ${i + 1}: ${words}`);
    return [`Name: ${open.name}`, ...numbers, ...open.apart, ...more, ...tries, ...book, ...lacking];
  }

  private choose(one: Finding): void {
    this.chosen = one.ident;
    this.listed = "";
    this.again();
    this.says.focus({ preventScroll: true });
  }

  private list(what: "others" | "why"): void {
    this.listed = this.listed === what ? "" : what;
    this.again();
  }

  /* ---- what is done about it ---- */

  private apply(): void {
    const { open } = this;
    if (open?.remedy == null || this.remedy.getAttribute("aria-disabled") === "true") return;
    this.asked.set(open.ident, open.remedy);
    this.around.control(open.remedy.control, open.remedy.value);
    this.refresh();
  }

  private dismiss(): void {
    const { open } = this;
    if (open === undefined) return;
    this.gone.add(open.ident);
    this.listed = "";
    this.around.dismiss(open);
    this.again();
    this.says.focus({ preventScroll: true });
  }

  /** The truth about what was asked for; also once a second, for a wait is told in seconds. */
  refresh(): void {
    const { open } = this;
    const asked = open === undefined ? undefined : this.asked.get(open.ident);
    const told = asked === undefined ? { kind: "none", words: "" } : this.around.told(asked.control);
    const pending = told.kind === "pending";
    const offered = this.around.live ? (pending ? asked : open?.remedy) : undefined;
    show(this.remedy, offered != null);
    if (offered != null) {
      const why = pending ? "It was asked for and is not applied yet." : this.around.refusal(offered.control);
      setText(this.remedy, offered.label);
      setAttribute(this.remedy, "aria-disabled", why === "" ? null : "true");
      setAttribute(this.remedy, "title", why === "" ? (open?.try[0] ?? "") : why);
    }
    const words = told.kind === "applied" && asked !== undefined ? `${told.words}: ${lower(asked.label)}` : told.words;
    setText(this.told, words);
    setAttribute(this.told, "data-kind", told.kind);
    show(this.told, words !== "");
  }

  /** The next of the open findings and their evidence gets the focus; a panel that is evidence is marked. */
  next(): boolean {
    const round = stops(this.findings);
    if (round.length === 0) return false;
    const to = round[(round.findIndex((stop) => this.isAt(stop)) + 1) % round.length]!;
    const one = this.findings[to.finding]!;
    if (one !== this.open) {
      this.chosen = one.ident;
      this.listed = "";
      this.again();
    }
    const chip = this.chips[to.chip];
    (chip ?? this.says).focus({ preventScroll: true });
    const home = chip?.dataset["home"] ?? "";
    if (home !== "") this.around.mark(home);
    else this.node.scrollIntoView({ block: "nearest" });
    return true;
  }

  private isAt(stop: Stop): boolean {
    const focused = this.node.contains(document.activeElement) && this.findings[stop.finding] === this.open;
    return focused && stop.chip === this.chips.findIndex((chip) => chip === document.activeElement);
  }
}

function lower(words: string): string {
  return words.slice(0, 1).toLowerCase() + words.slice(1);
}
