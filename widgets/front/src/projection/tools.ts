/* What a reader can do in the map: point, lasso, choose classes, and the same with keys alone. It needs no kernel. */

import { h, setText, show } from "../dom.ts";
import { count } from "../format.ts";
import type { Direction } from "../keyboard.ts";
import { coloured, kindOf, matesOf, middles, readerOf, shownOf, type Shown } from "../pen/cloud_map.ts";
import { SHAPES } from "../pen/cloud_shapes.ts";
import type { Picture } from "../pen/picture.ts";
import type { Panel } from "../spec.ts";
import type { Tokens } from "../theme.ts";
import type { Seat, Tools } from "../tools.ts";
import { Bar } from "./bar.ts";
import { Card } from "./card.ts";
import { ChosenView } from "./chosen.ts";
import { middleOf, nearest, towards } from "./lasso.ts";
import { choicesOf } from "./choices.ts";
import { Overlay } from "./overlay.ts";
import { MapPointer } from "./pointer.ts";
import { classOf, nameOf } from "./tile.ts";

const ARROWS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export const KEYS: readonly string[] = [
  "Tab to the map, Enter: go from item to item; arrows to the next in that direction",
  "Space: choose the item or let it go; A: its whole class; C: on to the next class",
  "Enter: the gallery of chosen items; Esc: back",
  "With the pointer: draw a line round items; with Shift they are added",
];

const place = (v: number): number | null => (Number.isFinite(v) ? v : null);

let maps = 0;

class MapTools implements Tools {
  readonly keys = KEYS;
  private readonly overlay = new Overlay();
  private readonly card = new Card();
  /** Why the map is not the one that was asked for. */
  private readonly note = h("p", { class: "vg-map-note", hidden: true });
  private readonly heard = h("div", { class: "vg-heard", "aria-live": "polite" });
  private readonly chosenView: ChosenView;
  private readonly bar: Bar;
  private readonly chosen = new Set<number>();
  private readonly quiet = window.matchMedia("(prefers-reduced-motion: reduce)");
  private readonly stop = new AbortController();
  private readonly pointer: MapPointer;
  private hovered = -1;
  private focused = -1;
  private pointing = false;
  private pending = 0;
  private tokens: Tokens | null = null;
  private ratio = 1;
  private size = { width: 0, height: 0 };
  /** Which items the chosen ones are: of another reference set they would be others. */
  private of = "";

  constructor(private readonly seat: Seat) {
    const { plot, body } = seat;
    maps += 1;
    const help = h("div", { class: "vg-heard", id: `vg-map-keys-${maps}` }, KEYS.join(". "));
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-roledescription", "map");
    plot.setAttribute("aria-describedby", help.id);
    plot.append(this.overlay.canvas);
    this.chosenView = new ChosenView({
      closed: () => this.closeGallery(),
      cleared: () => {
        this.chosen.clear();
        this.closeGallery();
        this.say("Nothing is chosen");
      },
      said: (words) => this.say(words),
    });
    this.bar = new Bar(seat.bar, seat.live, {
      classChosen: (kind) => this.chooseClass(kind),
      picturesToggled: () => {
        this.reader.pictures = !this.reader.pictures;
        seat.redraw();
      },
      galleryOpened: () => this.openGallery(),
      optionChosen: (name, value) => seat.option(name, value),
    });
    this.pointer = new MapPointer(
      this.overlay.canvas,
      {
        shown: () => this.shown,
        meant: (item) => this.hover(item),
        clicked: (item) => this.toggle(item),
        ringed: (items, add) => this.ringed(items, add),
        drew: () => this.follow(),
      },
      this.stop.signal,
    );
    body.append(this.note, this.card.node, this.chosenView.node, this.heard, help);
    this.listen(plot);
  }

  private get reader(): ReturnType<typeof readerOf> {
    return readerOf(this.seat.local);
  }

  private get shown(): Shown | null {
    return shownOf(this.seat.local);
  }

  private listen(plot: HTMLElement): void {
    const { signal } = this.stop;
    const key = (event: KeyboardEvent): void => {
      if (event.target !== plot || !this.pressed(event)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    plot.addEventListener("keydown", key, { signal });
    plot.addEventListener("blur", () => this.leave(), { signal });
    // Read before each drawing, so that the wish counts from the next map on.
    this.reader.moves = !this.quiet.matches;
    this.quiet.addEventListener("change", () => (this.reader.moves = !this.quiet.matches), { signal });
  }

  /* ---- drawing ---- */

  drawn(picture: Picture, panel: Panel, tokens: Tokens): void {
    const shown = this.shown;
    const stage = picture.stages.find((one) => one.layers.some((layer) => layer.type === "cloud"));
    if (shown === null || stage === undefined) return;
    this.tokens = tokens;
    this.ratio = stage.ratio;
    const lower = stage.ctx.canvas;
    this.size = { width: lower.width / stage.ratio, height: lower.height / stage.ratio };
    this.overlay.fit(lower);
    setText(this.note, panel.message);
    show(this.note, panel.message !== "");
    this.keep(shown);
    const asset = this.asset(shown);
    this.bar.update(
      shown,
      this.reader,
      this.chosen.size,
      asset !== null && asset.sheet !== null,
      choicesOf(shown.layer, panel),
      stage.ratio,
    );
    this.chosenView.fill(shown, asset, this.chosen);
    this.follow();
    if (shown.moving) this.again();
  }

  /** What was chosen stays so as long as the items are the same. */
  private keep(shown: Shown): void {
    const of = `${shown.layer.asset}|${shown.px.length}`;
    if (of !== this.of && this.of !== "") {
      this.chosen.clear();
      this.hovered = -1;
      this.focused = -1;
      if (this.chosenView.open) this.closeGallery();
    }
    this.of = of;
  }

  private again(): void {
    if (this.pending !== 0) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (this.seat.section.offsetParent !== null && this.seat.section.isConnected) this.seat.redraw();
    });
  }

  /** Draws what follows the hand: overlay and card. */
  private follow(): void {
    const { shown, tokens } = this;
    if (shown === null || tokens === null) return;
    const item = this.current(shown);
    this.overlay.draw(shown, tokens, this.ratio, {
      chosen: this.chosen,
      item,
      pointing: this.pointing,
      lasso: this.pointer.lasso,
    });
    if (item < 0 || this.pointer.drawing || this.chosenView.open) this.card.hide();
    else this.card.show(shown, this.asset(shown), item, this.ratio, this.size.width, this.size.height);
  }

  private current(shown: Shown): number {
    const item = this.hovered >= 0 ? this.hovered : this.pointing ? this.focused : -1;
    return item >= 0 && Number.isFinite(shown.px[item]) ? item : -1;
  }

  private asset(shown: Shown): ReturnType<Seat["asset"]> {
    return shown.layer.asset === "" ? null : this.seat.asset(shown.layer.asset);
  }

  private say(words: string): void {
    this.heard.textContent = words;
  }

  private hover(item: number): void {
    if (item === this.hovered) return;
    this.hovered = item;
    this.follow();
  }

  /* ---- choosing ---- */

  private ringed(items: readonly number[], add: boolean): void {
    if (items.length === 0) {
      this.say("No item is inside the line");
      return;
    }
    if (!add) this.chosen.clear();
    for (const item of items) this.chosen.add(item);
    this.openGallery();
  }

  private toggle(item: number): void {
    if (!this.chosen.delete(item)) this.chosen.add(item);
    this.changed();
    this.say(`${this.called(item)}, ${this.chosen.has(item) ? "chosen" : "let go"}; ${count(this.chosen.size)} chosen`);
  }

  private chooseClass(kind: number): void {
    const { shown } = this;
    if (shown === null) return;
    this.bar.list(false);
    const { layer } = shown;
    const own = coloured(layer, this.reader.picked);
    // Where there are more classes than colours, the class takes the colour that was given longest ago.
    if (!own.includes(kind)) this.reader.picked = [...(this.reader.picked ?? []), kind].slice(-SHAPES.length);
    this.chosen.clear();
    for (let i = 0; i < shown.px.length; i++) if (kindOf(layer, i) === kind) this.chosen.add(i);
    this.seat.redraw();
    this.openGallery();
  }

  private changed(): void {
    const { shown } = this;
    if (shown !== null) this.chosenView.fill(shown, this.asset(shown), this.chosen);
    this.seat.redraw();
  }

  private openGallery(): void {
    const { shown } = this;
    if (shown === null || this.chosen.size === 0) return;
    this.chosenView.show(shown, this.asset(shown), this.chosen, true);
    this.say(`${count(this.chosen.size)} chosen`);
    this.changed();
  }

  private closeGallery(): void {
    const back = this.chosenView.node.contains(document.activeElement);
    this.chosenView.hide();
    this.changed();
    if (back) this.seat.plot.focus();
  }

  /* ---- keys ---- */

  key(): boolean {
    // The map takes its own keys where they are pressed; the cockpit is left with the others.
    return false;
  }

  private pressed(event: KeyboardEvent): boolean {
    const { shown } = this;
    if (shown === null || event.ctrlKey || event.metaKey || event.altKey) return false;
    const to = ARROWS[event.key];
    if (!this.pointing) return event.key === "Enter" || to !== undefined ? this.enter(shown) : false;
    if (to !== undefined) this.point(shown, towards(shown.toX, shown.toY, this.focused, to));
    else if (event.key === " ") this.toggle(this.focused);
    else if (event.key === "Enter") {
      if (this.chosen.size === 0) this.toggle(this.focused);
      this.openGallery();
    } else if (event.key === "c" || event.key === "C") this.nextClass(shown, event.shiftKey ? -1 : 1);
    else if (event.key === "a" || event.key === "A") this.addClass(shown);
    else if (event.key === "Escape") this.leave();
    else return false;
    return true;
  }

  private enter(shown: Shown): boolean {
    const { frame } = shown;
    const known = this.focused >= 0 && Number.isFinite(shown.toX[this.focused]);
    const item = known
      ? this.focused
      : nearest(shown.toX, shown.toY, (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2);
    if (item < 0) return false;
    this.pointing = true;
    this.point(shown, item);
    return true;
  }

  private leave(): void {
    if (!this.pointing) return;
    this.pointing = false;
    this.say("");
    this.follow();
  }

  private point(shown: Shown, item: number): void {
    if (item < 0) return;
    this.focused = item;
    this.hovered = -1;
    const mates = matesOf(shown.layer, item).length;
    const more = [this.chosen.has(item) ? "chosen" : "", mates > 0 ? `${mates} more of the same` : ""].filter(
      (words) => words !== "",
    );
    this.say([this.called(item), ...more].join(", "));
    this.follow();
  }

  private called(item: number): string {
    const { shown } = this;
    if (shown === null) return "";
    const kind = classOf(shown, item);
    return `${nameOf(shown, this.asset(shown), item)}${kind === "" ? "" : `, ${kind}`}`;
  }

  private nextClass(shown: Shown, by: number): void {
    const centres = middles(shown.layer, shown.toX, shown.toY);
    const n = centres.length;
    const here = kindOf(shown.layer, this.focused);
    for (let tries = 1; tries <= n; tries++) {
      const kind = ((((here < 0 && by < 0 ? 0 : here) + by * tries) % n) + n) % n;
      const centre = centres[kind];
      if (centre == null) continue;
      this.point(shown, middleOf(centre.items, shown.toX, shown.toY));
      return;
    }
  }

  private addClass(shown: Shown): void {
    const kind = kindOf(shown.layer, this.focused);
    if (kind < 0) return;
    for (let i = 0; i < shown.px.length; i++) if (kindOf(shown.layer, i) === kind) this.chosen.add(i);
    this.changed();
    this.say(`${shown.layer.kinds[kind]} chosen; ${count(this.chosen.size)} chosen`);
  }

  /* ---- ---- */

  state(): Record<string, unknown> {
    const { shown } = this;
    return {
      chosen: [...this.chosen].sort((a, b) => a - b),
      hovered: this.hovered,
      focused: this.pointing ? this.focused : -1,
      gallery: this.chosenView.open,
      tiles: this.chosenView.shown,
      pictures: this.reader.pictures,
      pictured: shown?.pictured ?? [],
      drawn: shown?.drawn ?? "",
      moving: shown?.moving ?? false,
      coloured: shown === null ? [] : coloured(shown.layer, this.reader.picked),
      asked: this.bar.wishes,
      said: this.heard.textContent ?? "",
      // Where each item stands in the panel, for a hand that is to find it.
      px: Array.from(shown?.px ?? [], place),
      py: Array.from(shown?.py ?? [], place),
    };
  }

  dispose(): void {
    this.stop.abort();
    if (this.pending !== 0) cancelAnimationFrame(this.pending);
  }
}

export const projectionTools = (seat: Seat): Tools => new MapTools(seat);
