/* The list of keys, and what the two ends of each panel mean. */

import { h } from "./dom.ts";
import { KEYS } from "./keyboard.ts";

export class HelpView {
  readonly node = h("div", { class: "vg-help", role: "region", "aria-label": "Keys and meanings", tabindex: -1, hidden: true });

  get open(): boolean {
    return !this.node.hidden;
  }

  show(ends: readonly (readonly [string, readonly string[]])[], close: () => void): void {
    const keys = h("dl", {});
    for (const [key, does] of KEYS) keys.append(h("dt", {}, key), h("dd", {}, does));
    const meanings = h("dl", {});
    for (const [noun, words] of ends) {
      if (words.length > 0) meanings.append(h("dt", {}, noun), h("dd", {}, words.join(" ")));
    }
    const button = h("button", { type: "button", class: "vg-button" }, "Close");
    button.addEventListener("click", close);
    this.node.replaceChildren(
      h("div", {}, h("h3", {}, "Keys"), keys),
      h("div", {}, h("h3", {}, "What the ends mean"), meanings),
      button,
    );
    this.node.hidden = false;
    this.node.focus();
  }

  hide(): void {
    this.node.hidden = true;
  }
}
