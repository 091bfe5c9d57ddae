/* The board: the grid of panels, which of them are there and in what order, and one alone at full width. */

import { keep, ordered, recall, shifted, spans, toggled, visible, type Arrangement } from "./arrangement.ts";
import { h, setAttribute } from "./dom.ts";
import type { Crosshair } from "./hover.ts";
import { neighbour, type Direction } from "./keyboard.ts";
import { PanelView, type Host } from "./panel.ts";

/** So long a panel stays marked that somebody was led to. */
const MARKED_MS = 6000;

export class Board {
  readonly node = h("div", { class: "vg-grid" });
  readonly panels = new Map<string, PanelView>();
  private nouns: readonly string[] = [];
  private own: Arrangement = { order: [], hidden: [] };
  private name: string | null = null;
  private told = "";
  private marking = 0;

  /** `shown` is called when other panels are shown than before; `changed` when all must be drawn again. */
  constructor(
    private readonly view: string,
    private readonly crosshair: Crosshair,
    private readonly host: Host,
    private readonly shown: (nouns: readonly string[]) => void,
    private readonly changed: () => void,
  ) {}

  dispose(): void {
    window.clearTimeout(this.marking);
    for (const panel of this.panels.values()) panel.dispose();
  }

  /** The panel an element lies in. */
  panelOf(element: Element | null): PanelView | null {
    const section = element?.closest<HTMLElement>("[data-panel]");
    return this.panels.get(section?.dataset["panel"] ?? "") ?? null;
  }

  /** Every panel there is, in the reader's order, and whether it is shown. */
  list(): { noun: string; shown: boolean }[] {
    const there = visible(this.nouns, this.own);
    return ordered(this.nouns, this.own).map((noun) => ({ noun, shown: there.includes(noun) }));
  }

  /** Takes the panels of a run by their nouns. */
  arrange(name: string, nouns: readonly string[]): void {
    if (name !== this.name) {
      this.name = name;
      this.own = recall(name);
    }
    this.nouns = nouns;
    const there = visible(nouns, this.own);
    if ([...this.panels.keys()].join("|") !== there.join("|")) this.put(there);
    // A kernel that was not told shows them all, so nothing need be said before something is hidden.
    const words = there.length === nouns.length ? "" : [...there].sort().join("|");
    if (words === this.told) return;
    this.told = words;
    this.shown(there);
  }

  toggle(noun: string): void {
    this.set(toggled(this.own, noun));
  }

  shift(noun: string, by: 1 | -1): void {
    this.set(shifted(this.nouns, this.own, noun, by));
  }

  private set(own: Arrangement): void {
    this.own = own;
    if (this.name === null) return;
    keep(this.name, own);
    this.arrange(this.name, this.nouns);
    this.changed();
  }

  private put(nouns: readonly string[]): void {
    const kept = new Map(this.panels);
    this.panels.clear();
    for (const noun of nouns) {
      const panel = kept.get(noun) ?? new PanelView(noun, this.view, this.crosshair, this.host);
      kept.delete(noun);
      this.panels.set(noun, panel);
      this.node.append(panel.section);
    }
    for (const gone of kept.values()) gone.dispose();
    spans(nouns).forEach(({ two, three }, i) => {
      const { dataset } = this.panels.get(nouns[i]!)!.section;
      dataset["two"] = String(two);
      dataset["three"] = String(three);
    });
  }

  /** Which panels are evidence of an open finding: its name by their nouns. */
  evidence(found: ReadonlyMap<string, string>): void {
    for (const [noun, { section }] of this.panels) {
      const name = found.get(noun);
      setAttribute(section, "data-evidence", name ?? null);
      setAttribute(section, "aria-label", name === undefined ? `Panel ${noun}` : `Panel ${noun}, evidence of ${name}`);
    }
  }

  /** Marks a panel for a while and brings it into view; one that is not shown is shown again. */
  mark(noun: string): void {
    if (!this.panels.has(noun) && this.nouns.includes(noun)) this.toggle(noun);
    const section = this.panels.get(noun)?.section;
    if (section === undefined) return;
    if (this.alone !== null && this.alone !== section) this.setAlone(null);
    for (const view of this.panels.values()) view.section.classList.toggle("vg-visited", view.section === section);
    window.clearTimeout(this.marking);
    this.marking = window.setTimeout(() => section.classList.remove("vg-visited"), MARKED_MS);
    section.scrollIntoView({ block: "nearest" });
  }

  resized(): void {
    for (const panel of this.panels.values()) panel.resized();
  }

  get alone(): HTMLElement | null {
    return this.node.querySelector<HTMLElement>(".vg-alone");
  }

  /** One panel at full width, or all again. */
  setAlone(section: HTMLElement | null): void {
    for (const view of this.panels.values()) view.section.classList.toggle("vg-alone", view.section === section);
    this.node.classList.toggle("vg-one", section !== null);
    this.changed();
    section?.focus();
  }

  move(section: HTMLElement | null, to: Direction): void {
    const sections = [...this.panels.values()].map((view) => view.section).filter((s) => s.offsetParent !== null);
    const from = sections.findIndex((other) => other === section);
    if (from >= 0) sections[neighbour(sections.map((s) => s.getBoundingClientRect()), from, to)]?.focus();
  }
}
