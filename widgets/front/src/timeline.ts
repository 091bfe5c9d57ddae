/* The timeline: one slider that puts every panel at a step of the record, while the run and its header go on.
 *
 * A place is asked of the kernel, one question at a time and always the newest; where there is no answer yet, it
 * says so. Nothing moves by itself except while it plays. */

import { h, setAttribute, setText, show } from "./dom.ts";
import { count } from "./format.ts";
import { buttonIcon, stateIcon } from "./icons.ts";
import { endOf, eventFrom, moved, nearest } from "./notches.ts";
import type { Header, Timeline } from "./protocol.ts";
import { drawTrack, INSET } from "./track.ts";

/** About ten pictures a second, each after the one before it has come. */
const PLAY_MS = 100;
/** Play shows at most so many pictures of a record. */
const MOST_PLAYED = 300;
/** So long without an answer, and the timeline says what it waits for. */
const PATIENCE_MS = 700;
/** After this a question is asked again: the answer may have fallen to a page that was hidden. */
const AGAIN_MS = 3000;

type Place = number | null;

export class TimelineView {
  readonly node: HTMLElement;
  private readonly playWord = h("span", {}, "Play");
  private readonly playButton = h("button", { type: "button", class: "vg-button", "data-timeline": "play" });
  private readonly liveWord = h("span", {}, "Live");
  private readonly liveButton = h("button", { type: "button", class: "vg-button", "data-timeline": "live" });
  private readonly slider = h("div", { class: "vg-time", role: "slider", tabindex: 0, "aria-label": "Step that every panel shows" });
  private readonly note = h("span", { class: "vg-small vg-time-note" });
  private readonly ghost = h("span", { class: "vg-small vg-time-ghost", hidden: true });
  private readonly ghostName = h("span", {});
  private line: Timeline | null = null;
  private header: Header | null = null;
  /** What was asked for and is not shown yet; undefined when nothing is. */
  private wish: Place | undefined = undefined;
  private sent: Place | undefined = undefined;
  private sentAt = 0;
  private dragging = false;
  private player: ReturnType<typeof setInterval> | null = null;

  /** `seek` asks for a step, or for the newest with null. */
  constructor(private readonly seek: (step: Place) => void) {
    this.playButton.append(buttonIcon("run"), this.playWord);
    this.liveButton.append(stateIcon("live"), this.liveWord);
    const key = h("span", { class: "vg-ghost-key", "aria-hidden": "true" });
    this.ghost.append(key, this.ghostName, h("br", {}), "compared, same axes");
    const buttons = h("span", { class: "vg-buttons" }, this.playButton, this.liveButton);
    const words = h("span", { class: "vg-time-words" }, this.note, this.ghost);
    this.node = h("div", { class: "vg-timeline", role: "group", "aria-label": "Timeline", hidden: true }, buttons, this.slider, words);
    this.playButton.addEventListener("click", () => (this.player === null ? this.play() : this.hold()));
    this.liveButton.addEventListener("click", () => this.go(null));
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.slider.addEventListener("pointerdown", (event) => this.grab(event));
    this.slider.addEventListener("pointermove", (event) => (this.dragging ? this.follow(event) : undefined));
    for (const end of ["pointerup", "pointercancel"] as const) {
      this.slider.addEventListener(end, () => {
        this.dragging = false;
      });
    }
  }

  dispose(): void {
    this.hold();
  }

  /** The step every panel shows, as far as the kernel has said; null is the newest. */
  get at(): Place {
    return this.line?.at ?? null;
  }

  /** Where the reader wants to be: there already, or on the way. */
  get place(): Place {
    return this.wish === undefined ? this.at : this.wish;
  }

  get playing(): boolean {
    return this.player !== null;
  }

  update(line: Timeline | undefined, header: Header): void {
    this.header = header;
    show(this.node, line !== undefined && line.last > 0);
    if (line === undefined) return;
    this.line = line;
    if (this.sent !== undefined && (this.sent === line.at || this.sent === (line.asked ?? null))) {
      if (this.wish === this.sent) this.wish = undefined;
      this.sent = undefined;
      this.ask();
    }
    this.draw();
  }

  /** Once a second: the words of a wait. */
  tick(): void {
    if (this.sent === undefined) return;
    if (performance.now() - this.sentAt > AGAIN_MS) {
      this.sent = undefined;
      this.ask();
    }
    this.draw();
  }

  resized(): void {
    this.draw();
  }

  /** Puts every panel at a step; null is the newest. */
  go(step: Place, playing = false): void {
    if (!playing) this.hold();
    if (this.line === null || this.place === step) return;
    this.wish = step;
    this.ask();
    this.draw();
  }

  toEvent(by: 1 | -1): void {
    if (this.line !== null) this.go(eventFrom(this.line.events, this.place, by));
  }

  private ask(): void {
    if (this.sent !== undefined || this.wish === undefined) return;
    this.sent = this.wish;
    this.sentAt = performance.now();
    this.seek(this.wish);
  }

  private play(): void {
    const steps = this.line?.steps;
    if (steps === undefined || steps.length === 0) return;
    const by = Math.max(1, Math.round(steps.length / MOST_PLAYED));
    const end = steps[steps.length - 1]!;
    if (this.place === null || this.place >= end) this.go(steps[0]!, true);
    this.player = setInterval(() => {
      if (this.sent !== undefined || this.line === null) return;
      const next = moved(this.line.steps, this.place, by);
      if (next === null || next >= end) {
        this.go(next, true);
        this.hold();
      } else this.go(next, true);
    }, PLAY_MS);
    this.draw();
  }

  private hold(): void {
    if (this.player === null) return;
    clearInterval(this.player);
    this.player = null;
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.line === null) return;
    const by = event.shiftKey ? 10 : 1;
    const { steps } = this.line;
    if (event.key === "ArrowRight" || event.key === "ArrowUp") this.go(moved(steps, this.place, by));
    else if (event.key === "ArrowLeft" || event.key === "ArrowDown") this.go(moved(steps, this.place, -by));
    else if (event.key === "Home") this.go(steps[0] ?? null);
    else if (event.key === "End") this.go(null);
    else return;
    event.preventDefault();
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.dragging = true;
    this.slider.setPointerCapture(event.pointerId);
    this.follow(event);
  }

  private follow(event: PointerEvent): void {
    const { line } = this;
    if (line === null) return;
    const box = this.slider.getBoundingClientRect();
    const share = (event.clientX - box.left - INSET) / Math.max(1, box.width - 2 * INSET);
    const index = nearest(line.steps, share * this.end);
    if (index < 0) return;
    // Let go at the right end it is live again, or nobody would find the way back.
    this.go(index === line.steps.length - 1 ? null : line.steps[index]!);
  }

  private get running(): boolean {
    return this.header !== null && ["live", "paused", "idle"].includes(this.header.state);
  }

  private get end(): number {
    return this.line === null ? 1 : endOf(this.line.last, this.line.total, this.running);
  }

  private draw(): void {
    const { line, header, place } = this;
    if (line === null || header === null || this.node.hidden) return;
    const live = place === null;
    setText(this.playWord, this.playing ? "Hold" : "Play");
    this.playButton.replaceChild(buttonIcon(this.playing ? "pause" : "run"), this.playButton.firstChild!);
    setText(this.liveWord, this.running ? "Live" : "Newest");
    setAttribute(this.liveButton, "aria-pressed", String(live));
    this.liveButton.classList.toggle("vg-on", live && header.state === "live");
    const total = this.slider.clientWidth;
    if (total > 0) this.slider.replaceChildren(drawTrack(line, { end: this.end, place, live: header.state === "live", total }));
    setAttribute(this.slider, "aria-valuemin", String(line.first));
    setAttribute(this.slider, "aria-valuemax", String(line.last));
    setAttribute(this.slider, "aria-valuenow", String(place ?? line.last));
    const where = live ? `the newest step, ${count(line.last)}` : `step ${count(place)} of ${count(line.last)}`;
    setAttribute(this.slider, "aria-valuetext", where);
    setAttribute(this.node, "data-at", line.at === null ? "" : String(line.at));
    this.writeNote(header, place);
    show(this.ghost, line.ghost !== "");
    setText(this.ghostName, ` ${line.ghost}`);
  }

  private writeNote(header: Header, place: Place): void {
    const late = this.sent !== undefined && performance.now() - this.sentAt > PATIENCE_MS;
    let words = "";
    if (late) words = header.controls_late ? `waits: ${header.controls_note}` : "waiting for the kernel";
    else if (place !== null) words = header.state === "live" ? "live goes on behind it" : "an earlier step";
    setText(this.note, words);
    this.note.classList.toggle("vg-strong", late);
    show(this.note, words !== "");
    setAttribute(this.node, "data-waiting", String(late));
  }
}
