/* Whether something is wrong: the worst notice, and how many more there are. Without any, no strip. */

import { h, setAttribute, setText, show } from "./dom.ts";
import { count } from "./format.ts";
import { triangle } from "./icons.ts";
import type { Notice } from "./protocol.ts";
import { cross } from "./states.ts";

const WORDS: Record<Notice["severity"], string> = { note: "Note", warning: "Warning", failure: "Failure" };

function line(notice: Notice): Node[] {
  const since = notice.step === null ? ": " : ` since step ${count(notice.step)}: `;
  const nodes: Node[] = [];
  if (notice.severity === "warning") nodes.push(triangle());
  if (notice.severity === "failure") nodes.push(cross());
  nodes.push(h("span", { class: "vg-severity" }, WORDS[notice.severity]), document.createTextNode(since + notice.text));
  return nodes;
}

export class NoticesView {
  readonly node: HTMLElement;
  private readonly first = h("p", {});
  private readonly rest = h("ul", { hidden: true });
  private readonly more = h("button", { type: "button", class: "vg-button", "aria-expanded": "false" });
  private said = "";

  constructor() {
    const words = h("div", { class: "vg-notice-words", role: "status", "aria-live": "polite" }, this.first, this.rest);
    this.node = h("div", { class: "vg-notices", hidden: true }, words, this.more);
    this.more.addEventListener("click", () => {
      this.rest.hidden = !this.rest.hidden;
      this.writeMore(this.rest.childElementCount);
    });
  }

  update(notices: readonly Notice[]): void {
    // Written only when they differ: a screen reader announces every change, and a tick is none.
    const said = JSON.stringify(notices);
    if (said === this.said) return;
    this.said = said;
    const [worst, ...others] = notices;
    show(this.node, worst !== undefined);
    if (worst === undefined) {
      this.first.replaceChildren();
      return;
    }
    setAttribute(this.node, "data-severity", worst.severity);
    this.first.replaceChildren(...line(worst));
    this.rest.replaceChildren(
      ...others.map((notice) => h("li", { "data-severity": notice.severity }, ...line(notice))),
    );
    if (others.length === 0) this.rest.hidden = true;
    this.writeMore(others.length);
  }

  private writeMore(others: number): void {
    show(this.more, others > 0);
    setText(this.more, this.rest.hidden ? `${others} more` : "Show one");
    setAttribute(this.more, "aria-expanded", String(!this.rest.hidden));
  }
}
