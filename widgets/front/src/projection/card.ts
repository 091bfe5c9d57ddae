/* The card beside the item under the pointer: picture, name, class, place, and how many show the same thing. */

import type { Asset } from "../assets.ts";
import { h } from "../dom.ts";
import { number } from "../format.ts";
import { kindOf, matesOf, type Shown } from "../pen/cloud_map.ts";
import { at } from "../spec.ts";
import { classOf, markOf, nameOf, numberOf, picture } from "./tile.ts";

const GAP = 12;

export class Card {
  readonly node = h("div", { class: "vg-card", "aria-hidden": "true", hidden: true });
  private filled = "";

  hide(): void {
    this.node.hidden = true;
  }

  show(shown: Shown, asset: Asset | null, item: number, ratio: number, width: number, height: number): void {
    const { layer } = shown;
    const x = at(layer.x, item);
    const y = at(layer.y, item);
    const told = [
      item,
      x,
      y,
      asset?.name,
      asset !== null,
      layer.tried,
      classOf(shown, item),
      shown.marks.map((m) => m.color),
    ].join("|");
    if (told !== this.filled || this.node.hidden) {
      this.filled = told;
      this.fill(shown, asset, item, ratio, x, y);
    }
    this.node.hidden = false;
    this.put(shown.px[item]!, shown.py[item]!, width, height);
  }

  private fill(shown: Shown, asset: Asset | null, item: number, ratio: number, x: number, y: number): void {
    const kind = kindOf(shown.layer, item);
    const mates = matesOf(shown.layer, item);
    const name = nameOf(shown, asset, item);
    const words = h(
      "div",
      {},
      h("b", {}, name),
      h(
        "p",
        { class: "vg-kind" },
        markOf(shown.marks[kind < 0 ? shown.layer.kinds.length : kind]!, ratio),
        classOf(shown, item) || "no class",
      ),
      h("p", {}, `x ${number(x)}, y ${number(y)}`),
    );
    const own = numberOf(item);
    if (name !== own) words.append(h("p", {}, own));
    if (mates.length > 0) words.append(h("p", {}, `${mates.length} more of the same, joined`));
    const tile = picture(asset, item);
    this.node.dataset["item"] = String(item);
    this.node.replaceChildren(...(tile === null ? [words] : [tile, words]));
  }

  /** Beside the item, inside the panel, and not on top of the item. */
  private put(x: number, y: number, width: number, height: number): void {
    const { offsetWidth: own, offsetHeight: tall } = this.node;
    const right = x + GAP + own <= width;
    const left = right ? x + GAP : x - GAP - own >= 0 ? x - GAP - own : width - own;
    const beside = right || x - GAP - own >= 0;
    const top = beside ? y - tall / 2 : y + GAP + tall <= height ? y + GAP : y - GAP - tall;
    this.node.style.left = `${Math.max(0, left)}px`;
    this.node.style.top = `${Math.max(0, Math.min(height - tall, top))}px`;
  }
}
