/* What the pointer is on, in words: layer, head, patch and its share beside what even attention gives. */

import { h } from "../dom.ts";
import { number } from "../format.ts";
import type { MapsLayer } from "../layers/maps.ts";
import { at } from "../spec.ts";
import { patchAt, queryName, type Cell } from "./layout.ts";
import { keysOf, rowOf } from "./values.ts";

export class Readout {
  readonly node = h("div", { class: "vg-readout", "aria-hidden": "true", hidden: true });

  cell(layer: MapsLayer, cell: Cell, query: number | null, x: number, y: number, width: number): void {
    const values = rowOf(layer, cell.index, cell.index < 0 ? null : query);
    const patch = patchAt(layer.grid, cell.box, x, y);
    const title = cell.index < 0 ? "rollout" : `layer ${layer.layers[cell.row]}, head ${cell.column + 1}`;
    if (values === null || patch < 0) {
      this.fill("there is no such head", title, [], x, y, width);
      return;
    }
    const value = values[layer.prefix + patch]!;
    const rows: [string, string][] = [[queryName(layer, layer.prefix + patch), number(value, 4)]];
    if (!layer.signed) rows.push(["even", number(1 / keysOf(layer), 4)]);
    if (cell.index >= 0) rows.push(["entropy", number(at(layer.entropy, cell.index))]);
    this.fill(title, "", rows, x, y, width);
  }

  patch(layer: MapsLayer, patch: number, query: number | null, x: number, y: number, width: number): void {
    const does = query === layer.prefix + patch ? `click: back to ${layer.query}` : "click: what it looks at";
    const name = layer.caption.slice(1, -1).join(" ");
    this.fill(`${name === "" ? "" : `${name}: `}${queryName(layer, layer.prefix + patch)}`, does, [], x, y, width);
  }

  hide(): void {
    this.node.hidden = true;
  }

  private fill(title: string, more: string, rows: readonly [string, string][], x: number, y: number, width: number): void {
    this.node.replaceChildren(h("b", {}, title));
    if (more !== "") this.node.append(h("div", {}, more));
    const list = h("dl", {});
    for (const [name, value] of rows) list.append(h("dt", {}, name), h("dd", {}, value));
    if (rows.length > 0) this.node.append(list);
    this.node.hidden = false;
    const own = this.node.offsetWidth;
    this.node.style.left = `${Math.max(0, x + 14 + own <= width ? x + 14 : x - 14 - own)}px`;
    this.node.style.top = `${y + 12}px`;
  }
}
