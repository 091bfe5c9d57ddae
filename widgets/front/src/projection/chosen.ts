/* The gallery of chosen items, over the plot: pictures with names. It needs no kernel. */

import type { Asset } from "../assets.ts";
import { h } from "../dom.ts";
import { count } from "../format.ts";
import type { Shown } from "../pen/cloud_map.ts";
import { classOf, nameOf, picture } from "./tile.ts";

/** More pictures than this say no more, and cost. */
const MOST_TILES = 240;

export interface ChosenEvents {
  closed(): void;
  cleared(): void;
  /** Something to be said aloud. */
  said(words: string): void;
}

export class ChosenView {
  readonly node = h("div", {
    class: "vg-chosen",
    role: "region",
    "aria-label": "Chosen items",
    tabindex: -1,
    hidden: true,
  });
  private readonly total = h("b", {});
  private readonly among = h("span", { class: "vg-small" });
  private readonly note = h("span", { class: "vg-small", hidden: true });
  private readonly tiles = h("div", {
    class: "vg-tiles",
    role: "list",
    tabindex: 0,
    "aria-label": "Pictures of the chosen items",
  });
  private readonly copied = h("textarea", {
    class: "vg-copied",
    readonly: true,
    rows: 3,
    hidden: true,
    "aria-label": "Indices of the chosen items",
  });
  private readonly copyButton = h("button", { type: "button", class: "vg-quiet" }, "Copy indices");
  private readonly close = h("button", { type: "button", class: "vg-quiet" }, "Close");
  private items: number[] = [];
  private filled = "";

  constructor(private readonly events: ChosenEvents) {
    const clear = h("button", { type: "button", class: "vg-quiet" }, "Clear");
    const buttons = h("span", { class: "vg-right" }, this.copyButton, clear, this.close);
    this.node.append(
      h("div", { class: "vg-chosen-top" }, this.total, this.among, buttons),
      this.note,
      this.copied,
      this.tiles,
    );
    this.copyButton.addEventListener("click", () => void this.copy());
    clear.addEventListener("click", () => events.cleared());
    this.close.addEventListener("click", () => events.closed());
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") {
        // While an index list is selected, keys are for the text.
        if (event.target === this.copied) event.stopPropagation();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      events.closed();
    });
  }

  get open(): boolean {
    return !this.node.hidden;
  }

  /** How many tiles stand in the gallery. */
  get shown(): number {
    return this.tiles.childElementCount;
  }

  show(shown: Shown, asset: Asset | null, chosen: ReadonlySet<number>, focus: boolean): void {
    this.node.hidden = false;
    this.fill(shown, asset, chosen);
    if (focus) this.close.focus();
  }

  hide(): void {
    this.node.hidden = true;
    this.copied.hidden = true;
    this.tiles.replaceChildren();
    this.filled = "";
  }

  /** Fills the gallery again where something changed: other items, or their pictures have come. */
  fill(shown: Shown, asset: Asset | null, chosen: ReadonlySet<number>): void {
    if (!this.open) return;
    const items = [...chosen].sort((a, b) => a - b);
    const told = `${items.join()}|${asset?.name ?? ""}|${asset !== null}|${shown.layer.tried}`;
    if (told === this.filled) return;
    this.filled = told;
    this.items = items;
    this.copied.hidden = true;
    const drawn = items.slice(0, MOST_TILES);
    this.total.textContent = `${count(items.length)} chosen`;
    this.among.textContent = amongWords(shown, items);
    this.among.title = this.among.textContent;
    this.note.hidden = drawn.length === items.length;
    this.note.textContent = `the first ${count(drawn.length)} are shown; Copy indices gives all`;
    const plain = asset === null || asset.sheet === null;
    this.tiles.classList.toggle("vg-names-only", plain);
    this.tiles.replaceChildren(...drawn.map((item) => tile(shown, asset, item)));
  }

  private async copy(): Promise<void> {
    const text = `[${this.items.join(", ")}]`;
    try {
      await navigator.clipboard.writeText(text);
      this.copyButton.textContent = "Copied";
      window.setTimeout(() => (this.copyButton.textContent = "Copy indices"), 2000);
      this.events.said(`${count(this.items.length)} indices copied`);
    } catch {
      // A page that is not served securely may not write to the clipboard; then the text is there to be taken.
      this.copied.value = text;
      this.copied.hidden = false;
      this.copied.focus();
      this.copied.select();
      this.events.said("The indices are selected; copy them with your keyboard");
    }
  }
}

function tile(shown: Shown, asset: Asset | null, item: number): HTMLElement {
  const name = nameOf(shown, asset, item);
  const kind = classOf(shown, item);
  const title = `${name}${kind === "" ? "" : `, ${kind}`}, item ${count(item)}`;
  return h(
    "div",
    { class: "vg-item", role: "listitem", "data-item": item, title },
    picture(asset, item),
    h("span", {}, name),
  );
}

/** "of 512: 12 faces, 3 hearts": the largest first. */
function amongWords(shown: Shown, items: readonly number[]): string {
  const found = new Map<string, number>();
  for (const item of items) {
    const kind = classOf(shown, item);
    found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  const total = `of ${count(shown.px.length)}`;
  if (shown.layer.kinds.length === 0) return total;
  const sorted = [...found].sort((a, b) => b[1] - a[1]);
  const words = sorted.slice(0, 3).map(([kind, n]) => `${count(n)} ${kind || "of no class"}`);
  if (sorted.length > 3) words.push(`${sorted.length - 3} more`);
  return `${total}: ${words.join(", ")}`;
}
