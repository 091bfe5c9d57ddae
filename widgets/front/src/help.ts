/* The list of keys, what the two ends of each panel mean, and which panels are shown. */

import { h } from "./dom.ts";
import { KEYS } from "./keyboard.ts";
import type { PanelView } from "./panel.ts";

export interface Told {
  panels: readonly PanelView[];
  /** Every panel there is, and whether it is shown. */
  list: readonly { noun: string; shown: boolean }[];
  toggle(noun: string): void;
  shift(noun: string, by: 1 | -1): void;
  /** Writes the list anew after a change. */
  refresh(): void;
  close(): void;
}

export class HelpView {
  readonly node = h("div", { class: "vg-help", role: "region", "aria-label": "Keys and meanings", tabindex: -1, hidden: true });

  get open(): boolean {
    return !this.node.hidden;
  }

  show(told: Told): void {
    const keys = h("dl", {});
    for (const [key, does] of KEYS) keys.append(h("dt", {}, key), h("dd", {}, does));
    for (const panel of told.panels) {
      const own = panel.keysInWords.join("; ");
      if (own !== "") keys.append(h("dt", {}, `On ${panel.noun}`), h("dd", {}, own));
    }
    const meanings = h("dl", {});
    for (const { noun, endsInWords: words } of told.panels) {
      if (words.length > 0) meanings.append(h("dt", {}, noun), h("dd", {}, words.join(" ")));
    }
    const button = h("button", { type: "button", class: "vg-button" }, "Close");
    button.addEventListener("click", () => told.close());
    this.node.replaceChildren(
      h("div", {}, h("h3", {}, "Keys"), keys),
      h("div", {}, h("h3", {}, "What the ends mean"), meanings),
      h("div", {}, h("h3", {}, "Panels"), this.choice(told)),
      button,
    );
    if (this.node.hidden) {
      this.node.hidden = false;
      this.node.focus();
    }
  }

  private choice(told: Told): HTMLElement {
    const rows = h("ul", { class: "vg-choice" });
    told.list.forEach(({ noun, shown }, i) => {
      const box = h("input", { type: "checkbox" });
      box.checked = shown;
      box.addEventListener("change", () => this.again(told, noun, "input", () => told.toggle(noun)));
      const shift = (by: 1 | -1, sign: string, words: string): HTMLButtonElement => {
        const button = h("button", { type: "button", class: "vg-quiet", "data-by": by, "aria-label": `${noun} ${words}`, title: words }, sign);
        button.disabled = by < 0 ? i === 0 : i === told.list.length - 1;
        button.addEventListener("click", () => this.again(told, noun, `[data-by="${by}"]`, () => told.shift(noun, by)));
        return button;
      };
      rows.append(h("li", { "data-noun": noun }, h("label", {}, box, noun), shift(-1, "↑", "earlier"), shift(1, "↓", "later")));
    });
    return rows;
  }

  /** Does it, and leaves the focus where it was, in a list that has been written anew. */
  private again(told: Told, noun: string, which: string, act: () => void): void {
    act();
    told.refresh();
    this.node.querySelector<HTMLElement>(`[data-noun="${noun}"] ${which}`)?.focus();
  }

  hide(): void {
    this.node.hidden = true;
  }
}
