/* The choices of the attention panel: which item, what of it, and back to the usual query. Small, beside the maps. */

import { h, setText, show } from "../dom.ts";
import type { MapsLayer } from "../layers/maps.ts";
import type { Laid, View } from "./layout.ts";

interface Heard {
  item(value: string): void;
  show(value: string): void;
}

export class Choices {
  private readonly item = h("select", { class: "vg-select vg-attention-item", "aria-label": "Item whose attention is shown" });
  private readonly what = h("select", { class: "vg-select vg-attention-show", "aria-label": "What the maps show" });
  private readonly note = h("span", { class: "vg-attention-note" });
  /** What was asked of the kernel and has not come. */
  private readonly wishes = new Map<string, string>();

  constructor(private readonly bar: HTMLElement, private readonly live: boolean, heard: Heard) {
    bar.classList.add("vg-attention-bar");
    bar.append(this.item, this.what, this.note);
    this.item.addEventListener("change", () => heard.item(this.item.value));
    this.what.addEventListener("change", () => heard.show(this.what.value));
    // Keys of a list are its own: letters go to an entry, and must not pause the run.
    for (const node of [this.item, this.what]) node.addEventListener("keydown", (event) => event.stopPropagation());
  }

  /** Shown as asked for until the kernel has answered. */
  wish(name: "item" | "show", value: string): void {
    this.wishes.set(name, value);
    const node = name === "item" ? this.item : this.what;
    node.value = value;
    node.classList.add("vg-asked");
  }

  update(layer: MapsLayer, laid: Laid | null, view: View, note: string): void {
    const grid = laid !== null && view.open === null;
    this.fill(this.item, "item", layer.items, layer.item, (item) => `${layer.caption[0]?.split(" ")[0] ?? "item"} ${item}`);
    this.fill(this.what, "show", layer.shows, layer.show, (value) => (value === "now" ? value : "− untrained"));
    show(this.item, grid && layer.items.length > 1);
    show(this.what, grid && layer.shows.length > 1);
    setText(this.note, note);
    show(this.note, note !== "");
    if (laid === null) return;
    // The row of the curves' name is free at its right: the note stands there, and the button for the table.
    this.bar.parentElement?.style.setProperty("--vg-attention-row", `${laid.bottom + 1}px`);
    if (!grid) return;
    move(this.item, laid.itemAt);
    move(this.what, laid.showAt);
  }

  private fill(
    node: HTMLSelectElement, name: string, values: readonly string[], chosen: string, say: (value: string) => string,
  ): void {
    const shape = values.join("|");
    if (node.dataset["values"] !== shape) {
      node.dataset["values"] = shape;
      node.replaceChildren(...values.map((value) => h("option", { value }, say(value))));
    }
    if (this.wishes.get(name) === chosen) this.wishes.delete(name);
    const wish = this.wishes.get(name);
    node.classList.toggle("vg-asked", wish !== undefined);
    if (document.activeElement !== node || wish === undefined) node.value = wish ?? chosen;
    node.disabled = !this.live;
  }
}

function move(node: HTMLElement, to: { x: number; y: number }): void {
  node.style.left = `${to.x}px`;
  node.style.top = `${to.y - 8}px`;
}
