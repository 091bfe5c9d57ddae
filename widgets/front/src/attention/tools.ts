/* What a reader can do in the attention panel: another query, one map large, another item; with the mouse and with keys. */

import { h, setText } from "../dom.ts";
import { number } from "../format.ts";
import type { MapsLayer } from "../layers/maps.ts";
import { LAID, VIEW } from "../pen/maps.ts";
import type { Picture } from "../pen/picture.ts";
import { at } from "../spec.ts";
import type { Seat, Tools } from "../tools.ts";
import { Choices } from "./choices.ts";
import { freshView, patchAt, queryName, type Cell, type Laid, type View } from "./layout.ts";
import { Readout } from "./readout.ts";
import { hasFull, keysOf, rowOf } from "./values.ts";

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
};

export const KEYS: readonly string[] = [
  "Tab to the maps, Enter: into the grid; arrows: the next head; Enter: that head large; Esc: back",
  "Q: the arrows move the query from patch to patch, Q again: from head to head; C: the usual query",
  "I: the next item; D: difference to the untrained model, and back",
];

let grids = 0;

class AttentionTools implements Tools {
  readonly keys = KEYS;
  private readonly view: View = freshView();
  private readonly heard = h("div", { class: "vg-heard", "aria-live": "polite" });
  private readonly readout = new Readout();
  private readonly choices: Choices;
  private readonly stop = new AbortController();
  private layer: MapsLayer | null = null;
  /** Full maps were asked for and have not come. */
  private asked = false;
  private told = "";
  /** From the newest click or key to the pixels, in milliseconds. */
  private ms: number | null = null;
  /** When a click or key came that is not drawn yet. */
  private began: number | null = null;
  private frame = 0;

  constructor(private readonly seat: Seat) {
    const { plot, body } = seat;
    seat.local.set(VIEW, this.view);
    grids += 1;
    const help = h("div", { class: "vg-heard", id: `vg-attention-keys-${grids}` }, KEYS.join(". "));
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-roledescription", "grid of attention maps");
    plot.setAttribute("aria-describedby", help.id);
    this.choices = new Choices(seat.bar, seat.live, {
      item: (value) => this.choose("item", value),
      show: (value) => this.choose("show", value),
    });
    body.append(this.readout.node, this.heard, help);
    const { signal } = this.stop;
    plot.addEventListener("click", (event) => this.clicked(event), { signal });
    plot.addEventListener("pointermove", (event) => this.pointed(event), { signal });
    plot.addEventListener("pointerleave", () => this.readout.hide(), { signal });
    plot.addEventListener("wheel", (event) => this.wheeled(event), { signal, passive: false });
    plot.addEventListener("blur", () => this.leave(), { signal });
    plot.addEventListener(
      "keydown",
      (event) => {
        if (event.target !== plot || !this.pressed(event)) return;
        event.preventDefault();
        event.stopPropagation();
      },
      { signal },
    );
  }

  drawn(picture: Picture): void {
    const found = picture.stages.flatMap((stage) => stage.layers).find((layer) => layer.type === "maps");
    if (found === undefined) return;
    const before = this.layer;
    this.layer = found;
    if (this.asked && hasFull(found)) {
      this.asked = false;
      this.say(`The full maps have come. ${this.queryWords()}`);
    }
    const kept = before === null || (before.item === found.item && keysOf(before) === keysOf(found));
    if (!kept && this.view.query !== null) {
      // Another item has other patches; its own full maps may not be here yet.
      if (keysOf(before!) !== keysOf(found)) this.view.query = null;
      else if (!hasFull(found)) this.ask(found);
    }
    this.view.row = Math.min(this.view.row, found.layers.length - 1);
    this.view.column = Math.min(this.view.column, found.heads - 1);
    if (this.view.open !== null && this.view.open >= found.layers.length * found.heads) this.view.open = null;
    const corner = this.view.inGrid && this.view.open === null ? this.laid?.cells[0] : undefined;
    if (corner !== undefined) {
      // What scrolled into view for the keys stays there when they leave.
      this.view.firstRow = corner.row;
      this.view.firstColumn = corner.column;
    }
    this.choices.update(found, this.laid, this.view, this.note());
  }

  private get laid(): Laid | null {
    return (this.seat.local.get(LAID) as Laid | undefined) ?? null;
  }

  private note(): string {
    const layer = this.layer;
    if (layer === null || this.view.query === null || hasFull(layer)) return "";
    if (layer.refused !== "") return layer.refused;
    if (!this.seat.live) return layer.query === "CLS" ? "only the CLS row is recorded" : "only the mean row is recorded";
    return "asked for the full maps";
  }

  /* ---- the query ---- */

  private setQuery(query: number | null, began: number): void {
    const layer = this.layer;
    if (layer === null) return;
    this.view.query = query;
    if (query !== null && !hasFull(layer)) this.ask(layer);
    this.redraw(began);
    this.say(this.queryWords());
  }

  private ask(layer: MapsLayer): void {
    if (!this.seat.live || layer.refused !== "") return;
    this.asked = true;
    this.seat.option("full", "yes");
  }

  private queryWords(): string {
    const layer = this.layer;
    if (layer === null) return "";
    const note = this.note();
    return note === "" ? `Query: ${queryName(layer, this.view.query)}` : `${note}; shown is ${layer.query}`;
  }

  /** Once for all keys and clicks of one animation frame: what is drawn there is seen in that frame. */
  private redraw(began: number): void {
    const waiting = this.began !== null;
    this.began = began;
    if (waiting) return;
    this.frame = requestAnimationFrame(() => {
      this.seat.redraw();
      this.ms = performance.now() - (this.began ?? began);
      this.began = null;
    });
  }

  private choose(name: "item" | "show", value: string): void {
    this.seat.option(name, value);
    this.choices.wish(name, value);
    this.say(name === "item" ? `asked for item ${value}` : `asked for ${value}`);
  }

  /* ---- the mouse ---- */

  private place(event: MouseEvent): { x: number; y: number } {
    const box = this.seat.plot.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private cellAt(x: number, y: number): Cell | null {
    return this.laid?.cells.find(({ box }) => x >= box.left && x < box.right && y >= box.top && y < box.bottom) ?? null;
  }

  private clicked(event: MouseEvent): void {
    const { layer, laid } = this;
    if (layer === null || laid === null) return;
    const { x, y } = this.place(event);
    const patch = laid.picture === null ? -1 : patchAt(layer.grid, laid.picture, x, y);
    if (patch >= 0) return this.setPatch(patch, event.timeStamp);
    const cell = this.cellAt(x, y);
    if (cell === null || cell.index < 0) return;
    this.view.row = cell.row;
    this.view.column = cell.column;
    if (this.view.open !== null || event.shiftKey) this.setPatch(patchAt(layer.grid, cell.box, x, y), event.timeStamp);
    else this.open(cell.index, event.timeStamp);
  }

  /** The patch that is shown already is let go. */
  private setPatch(patch: number, began: number): void {
    if (this.layer === null || patch < 0) return;
    const token = this.layer.prefix + patch;
    this.setQuery(this.view.query === token ? null : token, began);
  }

  private open(index: number | null, began: number): void {
    this.view.open = index;
    this.redraw(began);
    this.say(index === null ? "All heads" : `${this.headWords()}, large`);
  }

  private pointed(event: MouseEvent): void {
    const { layer, laid } = this;
    if (layer === null || laid === null) return;
    const { x, y } = this.place(event);
    const cell = this.cellAt(x, y);
    const onItem = cell === null && laid.picture !== null ? patchAt(layer.grid, laid.picture, x, y) : -1;
    this.seat.plot.style.cursor = cell !== null || onItem >= 0 ? "pointer" : "";
    if (cell !== null) this.readout.cell(layer, cell, this.view.query, x, y, this.seat.plot.clientWidth);
    else if (onItem >= 0) this.readout.patch(layer, onItem, this.view.query, x, y, this.seat.plot.clientWidth);
    else this.readout.hide();
  }

  private wheeled(event: WheelEvent): void {
    const { layer, laid, view } = this;
    if (layer === null || laid === null || view.open !== null) return;
    const { x, y } = this.place(event);
    if (this.cellAt(x, y) === null) return;
    const first = Math.max(0, Math.min(layer.layers.length - laid.rows, view.firstRow + Math.sign(event.deltaY)));
    // At its ends the page scrolls on.
    if (first === view.firstRow || laid.rows >= layer.layers.length) return;
    event.preventDefault();
    view.firstRow = first;
    this.seat.redraw();
  }

  /* ---- keys ---- */

  key(): boolean {
    return false;
  }

  private pressed(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey || this.layer === null) return false;
    const { view } = this;
    const began = event.timeStamp;
    const arrow = ARROWS[event.key];
    switch (event.key) {
      case "q": case "Q":
        this.enter();
        view.moving = !view.moving;
        if (view.moving && view.query === null) this.setQuery(this.layer.prefix, began);
        else this.redraw(began);
        this.say(view.moving ? `Arrows move the query. ${this.queryWords()}` : `Arrows move over heads. ${this.headWords()}`);
        return true;
      case "c": case "C":
        this.setQuery(null, began);
        return true;
      case "i": case "I":
        return this.next("item", this.layer.items, this.layer.item);
      case "d": case "D":
        return this.next("show", this.layer.shows, this.layer.show);
      case "Enter":
        if (!view.inGrid) this.enter();
        else this.open(view.open === null ? view.row * this.layer.heads + view.column : null, began);
        this.redraw(began);
        return true;
      case "Escape":
        return this.back(began);
    }
    if (arrow === undefined || !view.inGrid) return false;
    if (view.moving) this.moveQuery(arrow, began);
    else this.moveHead(arrow, began);
    return true;
  }

  private enter(): void {
    if (this.view.inGrid) return;
    this.view.inGrid = true;
    this.say(`In the grid. ${this.headWords()}`);
  }

  private leave(): void {
    if (!this.view.inGrid) return;
    this.view.inGrid = this.view.moving = false;
    this.seat.redraw();
  }

  private back(began: number): boolean {
    const { view } = this;
    if (view.moving) view.moving = false;
    else if (view.open !== null) {
      this.open(null, began);
      return true;
    } else if (view.inGrid) view.inGrid = false;
    else return false;
    this.redraw(began);
    return true;
  }

  private moveHead([down, right]: readonly [number, number], began: number): void {
    const { layer, view } = this;
    if (layer === null) return;
    view.row = Math.max(0, Math.min(layer.layers.length - 1, view.row + down));
    view.column = Math.max(0, Math.min(layer.heads - 1, view.column + right));
    if (view.open !== null) view.open = view.row * layer.heads + view.column;
    this.redraw(began);
    this.say(this.headWords());
  }

  private moveQuery([down, right]: readonly [number, number], began: number): void {
    const { layer, view } = this;
    if (layer === null) return;
    const [rows, columns] = layer.grid;
    const patch = Math.max(0, (view.query ?? layer.prefix) - layer.prefix);
    const row = Math.max(0, Math.min(rows - 1, Math.floor(patch / columns) + down));
    const column = Math.max(0, Math.min(columns - 1, (patch % columns) + right));
    this.setQuery(layer.prefix + row * columns + column, began);
  }

  private next(name: "item" | "show", choices: readonly string[], chosen: string): boolean {
    if (!this.seat.live || choices.length < 2) return true;
    this.choose(name, choices[(choices.indexOf(chosen) + 1) % choices.length]!);
    return true;
  }

  private headWords(): string {
    const { layer, view } = this;
    if (layer === null) return "";
    const index = view.row * layer.heads + view.column;
    const name = `layer ${layer.layers[view.row]}, head ${view.column + 1}`;
    if (rowOf(layer, index, null) === null) return `${name}: there is no such head`;
    return `${name}: entropy ${number(at(layer.entropy, index))}, distance ${number(at(layer.distance, index))}`;
  }

  private say(words: string): void {
    this.told = words;
    setText(this.heard, words);
  }

  state(): Record<string, unknown> {
    const { layer, view, laid } = this;
    return {
      ...view,
      full: layer !== null && hasFull(layer),
      item: layer?.item ?? "",
      show: layer?.show ?? "",
      note: this.note(),
      told: this.told,
      ms: this.ms,
      pending: this.began !== null,
      cells: (laid?.cells ?? []).map(({ index, box }) => [index, box.left, box.top, box.right, box.bottom]),
      picture: laid?.picture ?? null,
      words: (laid?.words ?? []).map((word) => word.text),
    };
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.stop.abort();
  }
}

export const attentionTools = (seat: Seat): Tools => new AttentionTools(seat);
