/* The cockpit: one widget that draws a run. `render` is called by the notebook, `mount` by a report.
 *
 * Nothing is decided here about what panels show; this file connects messages, the screen and the keys:
 * newest frame only, drawn at most once per animation frame, nothing drawn while it cannot be seen. */

import { Assets, type AssetMessage } from "./assets.ts";
import { Board } from "./board.ts";
import { Commands } from "./commands.ts";
import { ControlsView, refusal } from "./controls.ts";
import { h, setAttribute, setText, show } from "./dom.ts";
import { evidence, FindingsView } from "./findings.ts";
import { HeaderView } from "./header.ts";
import { HelpView } from "./help.ts";
import { Crosshair } from "./hover.ts";
import { Keys } from "./keys.ts";
import { nearest } from "./notches.ts";
import { NoticesView } from "./notices.ts";
import { Page } from "./page.ts";
import { Painted } from "./painted.ts";
import type { Drawn, Host } from "./panel.ts";
import { Feed, unpack, type CommandName, type Frame, type FromKernel, type Notice, type ToKernel } from "./protocol.ts";
import { readTokens, type Tokens } from "./theme.ts";
import { TimelineView } from "./timeline.ts";

const KEY_EVERY_MS = 1000;

/** What a test, or a curious reader, can ask of the root element: `root.vergence`. */
export interface Probe {
  readonly seq: number;
  readonly stats: { drawnFrames: number; droppedFrames: number; lastMs: number };
  drawn(noun: string): Drawn | null;
}

type Root = HTMLElement & { vergence?: Probe };

let views = 0;

function viewName(): string {
  views += 1;
  return `${views}-${Math.random().toString(36).slice(2, 8)}`;
}

/** So long after "frozen" an output that can be replaced has been. */
const STAYING_MS = 3000;

export class Cockpit {
  readonly root: Root;
  readonly view = viewName();
  private readonly feed = new Feed();
  private readonly header: HeaderView;
  private readonly notices = new NoticesView();
  private readonly findings: FindingsView;
  private readonly controls: ControlsView;
  private readonly commands: Commands;
  private readonly help = new HelpView();
  private readonly board: Board;
  private readonly timeline: TimelineView;
  private readonly waitingNote = h("p", { class: "vg-waiting" }, "Waiting for the first frame from the kernel.");
  private readonly saved = h("span", {});
  private readonly crosshair = new Crosshair();
  private readonly host: Host;
  private readonly assets = new Assets(
    (name) => this.send?.({ type: "want_asset", name }),
    () => this.again(),
  );
  private readonly page: Page;
  private readonly stats = { drawnFrames: 0, droppedFrames: 0, lastMs: 0 };
  private tokens: Tokens;
  private pending = 0;
  /** Frames taken in since the last one was drawn. */
  private undrawn = 0;
  private lastHeard = performance.now();
  private lastKey = -KEY_EVERY_MS;
  private asked = 0;
  /** What the cockpit itself has to say beside the notices of the run. */
  private own: Notice | null = null;
  private staying = 0;

  /** `send` is null where there is no kernel: then there are no buttons and no controls. `seek` asks for a step. */
  constructor(
    el: HTMLElement,
    private readonly send: ((message: ToKernel) => void) | null,
    seek: (step: number | null) => void = (step) => send?.({ type: "seek", step }),
  ) {
    this.header = new HeaderView(send === null ? null : (name) => this.command(name));
    this.controls = new ControlsView(this.view, (name, value) => this.control(name, value));
    this.timeline = new TimelineView(seek);
    this.host = {
      live: send !== null,
      option: (noun, name, value) => this.send?.({ type: "option", noun, name, value }),
      control: (name, value) => this.controls.ask(name, value),
      refusal: (name) => refusal(this.send === null ? null : this.feed.frame, name),
      asset: (name) => this.assets.get(name),
      redraw: (noun) => {
        this.drawPanel(noun);
        this.board.panels.get(noun)?.fit();
      },
    };
    this.board = new Board(
      this.view,
      this.crosshair,
      this.host,
      (shown) => this.send?.({ type: "layout", view: this.view, shown }),
      () => this.resized(),
    );
    this.findings = new FindingsView({
      live: send !== null,
      control: (name, value) => this.controls.ask(name, value),
      refusal: (name) => this.host.refusal(name),
      told: (name) => this.controls.told(name),
      dismiss: ({ name, ident }) => this.send?.({ type: "dismiss", finding: name, ident }),
      mark: (noun) => this.board.mark(noun),
      go: (step) => this.timeline.go(step),
    });
    this.commands = new Commands((trouble) => this.header.say(trouble), () => this.controlsNote);
    const { header, findings, help, board, timeline } = this;
    const handler = new Keys({ header, findings, help, board, timeline, live: send !== null, command: (name) => this.command(name) });
    const keys = h("button", { type: "button", class: "vg-quiet" }, "? keys and panels");
    keys.addEventListener("click", () => handler.toggleHelp());
    const foot = h("footer", { class: "vg-saved" }, this.saved, keys);
    const inner = h("div", { class: "vg-inner" }, this.header.node, this.notices.node, findings.node, help.node);
    if (send !== null) inner.append(this.controls.node);
    inner.append(this.waitingNote, board.node, foot, timeline.node);
    this.root = h(
      "div",
      // JupyterLab listens for keys before anyone else; this attribute is how an element asks it not to.
      { class: "vergence", role: "region", "aria-label": "Cockpit", "data-view": this.view, "data-lm-suppress-shortcuts": "true" },
      inner,
    );
    el.append(this.root);
    this.tokens = readTokens(this.root);
    this.root.vergence = this.probe();
    this.page = new Page(this.root, {
      resized: () => this.resized(),
      themed: () => this.themed(),
      hidden: (hidden) => this.hid(hidden),
      everySecond: () => this.everySecond(),
    });
    this.root.addEventListener("keydown", (event) => handler.key(event));
    for (const type of ["keyup", "keypress"]) this.root.addEventListener(type, (event) => event.stopPropagation());
  }

  dispose(): void {
    window.clearTimeout(this.staying);
    this.page.dispose();
    this.commands.dispose();
    if (this.pending !== 0) cancelAnimationFrame(this.pending);
    this.timeline.dispose();
    this.board.dispose();
    this.root.remove();
  }

  private probe(): Probe {
    const root = this.root;
    return {
      get seq() {
        return Number(root.dataset["seq"] ?? -1);
      },
      stats: this.stats,
      drawn: (noun) => this.board.panels.get(noun)?.drawn() ?? null,
    };
  }

  /* ---- messages ---- */

  receive(content: unknown, buffers: readonly DataView[]): void {
    const message = content as FromKernel;
    this.lastHeard = performance.now();
    try {
      this.take(message, buffers);
    } catch (error) {
      // One message that cannot be read must not end the picture; the next one may be sound.
      const why = error instanceof Error ? error.message : String(error);
      this.own = { severity: "warning", step: null, text: `A message from the kernel could not be read. ${why}` };
      this.schedule();
    }
  }

  private take(message: FromKernel, buffers: readonly DataView[]): void {
    if (message.type === "ping") this.send?.({ type: "pong", id: message.id });
    else if (message.type === "frame") this.frame(unpack(message, buffers) as Frame);
    else if (message.type === "asset") void this.assets.take(unpack(message, buffers) as AssetMessage);
    else if (message.type === "frozen") this.frozen(message.where);
    else if (message.type === "ack" && !this.commands.answer(message)) {
      this.controls.answer(message);
      this.findings.refresh();
    }
  }

  frame(frame: Frame): void {
    const { applied, gap } = this.feed.accept(frame);
    if (gap) this.wantKey();
    if (!applied || this.undrawn > 0) this.stats.droppedFrames += 1;
    if (!applied) return;
    if (frame.header.state === "live") {
      window.clearTimeout(this.staying);
      this.own = null;
    }
    this.undrawn += 1;
    if (frame.confirm) this.painted.ask(frame.seq);
    this.schedule();
  }

  /** For the still picture that will take this place. */
  look(): { dark: boolean; width: number } {
    return { dark: this.tokens.dark, width: Math.round(this.root.clientWidth) };
  }

  private readonly painted = new Painted((seq, ms) => this.send?.({ type: "shown", view: this.view, seq, ms }));

  private wantKey(): void {
    const now = performance.now();
    if (now - this.lastKey < KEY_EVERY_MS) return;
    this.lastKey = now;
    this.send?.({ type: "want_key", view: this.view, ...this.look() });
  }

  /** A still picture takes this output's place. On a page that was loaded again it cannot: then say where it is. */
  private frozen(where: string): void {
    window.clearTimeout(this.staying);
    this.staying = window.setTimeout(() => {
      const place = where === "" ? "" : ` report.html in ${where} has it.`;
      const text = `The run has ended, but this page was loaded again while it trained, so its still picture cannot be put here.${place}`;
      this.own = { severity: "note", step: null, text };
      this.schedule();
    }, STAYING_MS);
  }

  private control(name: string, value: number | string): string {
    const id = this.newId();
    this.send?.({ type: "control", id, name, value });
    return id;
  }

  private command(name: CommandName): void {
    const id = this.newId();
    this.commands.given(id, name);
    this.send?.({ type: "command", id, name });
  }

  private newId(): string {
    this.asked += 1;
    return `${this.view}-${this.asked}`;
  }

  private get controlsNote(): string {
    return this.feed.frame?.header.controls_note ?? "";
  }

  /* ---- drawing ---- */

  private schedule(): void {
    if (this.pending !== 0 || this.page.hidden) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.page.hidden) this.draw();
    });
  }

  private draw(): void {
    const frame = this.feed.frame;
    if (frame === null || this.root.clientWidth === 0) return;
    const began = performance.now();
    this.notices.update(this.own === null ? frame.notices : [...frame.notices, this.own]);
    if (this.undrawn > 0) {
      this.header.update(frame.header);
      this.header.heard((began - this.lastHeard) / 1000);
      this.controls.update(frame.controls, frame.header.controls_note);
      this.writeSaved(frame);
      this.board.arrange(frame.header.name, frame.order);
      this.findings.update(frame.findings);
      this.board.evidence(evidence(this.findings.findings));
      this.timeline.update(frame.timeline, frame.header);
    }
    for (const noun of this.feed.take()) this.drawPanel(noun);
    for (const panel of this.board.panels.values()) panel.fit();
    setAttribute(this.root, "data-state", frame.header.state);
    setAttribute(this.root, "data-step", String(frame.header.step));
    setAttribute(this.root, "aria-label", `Cockpit of ${frame.header.name}`);
    show(this.waitingNote, false);
    this.stats.lastMs = performance.now() - began;
    if (this.undrawn > 0) this.confirm(frame.seq);
  }

  private confirm(seq: number): void {
    this.undrawn = 0;
    this.stats.drawnFrames += 1;
    setAttribute(this.root, "data-seq", String(seq));
    setAttribute(this.root, "data-ready", "true");
    this.painted.drawn(seq, this.stats.lastMs);
  }

  private drawPanel(noun: string): void {
    const panel = this.feed.frame?.panels[noun];
    if (panel !== undefined) this.board.panels.get(noun)?.update(panel, this.tokens);
  }

  private writeSaved(frame: Frame): void {
    const { saved, saved_note: trouble } = frame.header;
    setText(this.saved, trouble !== "" ? trouble : saved !== "" ? `saved in ${saved}` : "not saved: the record is in memory only");
    this.saved.classList.toggle("vg-strong", trouble !== "");
  }

  /* ---- what the page does ---- */

  private resized(): void {
    // JupyterLab renders into an element that is not on the page yet: no style reached it when it was made.
    this.tokens = readTokens(this.root);
    this.board.resized();
    this.controls.resized();
    this.timeline.resized();
    this.again();
  }

  private themed(): void {
    this.tokens = readTokens(this.root);
    this.wantKey();
    this.again();
  }

  private again(): void {
    this.feed.all();
    this.schedule();
  }

  private hid(hidden: boolean): void {
    this.send?.({ type: "hidden", view: this.view, hidden });
    if (hidden) return;
    this.wantKey();
    this.schedule();
  }

  private everySecond(): void {
    this.timeline.tick();
    if (this.send === null) return;
    this.header.heard((performance.now() - this.lastHeard) / 1000);
    this.controls.tick(performance.now() / 1000, this.controlsNote);
    this.findings.refresh();
  }
}

/** The part of the notebook's model that is used here. */
interface Model {
  on(name: "msg:custom", callback: (content: unknown, buffers: DataView[]) => void): void;
  off(name: "msg:custom", callback: (content: unknown, buffers: DataView[]) => void): void;
  send(content: unknown): void;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const cockpit = new Cockpit(el, (message) => model.send(message));
  const listen = (content: unknown, buffers: DataView[]): void => cockpit.receive(content, buffers ?? []);
  model.on("msg:custom", listen);
  model.send({ type: "ready", view: cockpit.view, ...cockpit.look() } satisfies ToKernel);
  return () => {
    model.off("msg:custom", listen);
    cockpit.dispose();
    try {
      model.send({ type: "gone", view: cockpit.view } satisfies ToKernel);
    } catch {
      // The model may be closed already; then nobody waits for this view.
    }
  };
}

/** What a report holds beside its frame, each as the kernel would have sent it; arrays may be base64 text. */
interface Held {
  /** Panels of earlier steps, in the order of `frame.timeline.steps`; the last is the frame itself. */
  past?: unknown[];
  /** What the findings' strip says at the same steps. */
  strips?: Frame["findings"][];
  asset?: unknown;
}

/** Draws one key frame where there is no kernel, as in a report. Its arrays may be base64 text. */
export function mount(el: HTMLElement, frame: unknown, held: Held = {}): () => void {
  const newest = unpack(frame, []) as Frame;
  const { timeline } = newest;
  let seq = newest.seq;
  const seek = (step: number | null): void => {
    if (timeline === undefined) return;
    const index = step === null ? -1 : nearest(timeline.steps, step);
    const entry = held.past?.[index];
    const panels = entry === undefined ? newest.panels : (unpack(entry, []) as Frame["panels"]);
    const findings = entry === undefined ? newest.findings : held.strips?.[index];
    const at = entry === undefined ? null : timeline.steps[index]!;
    seq += 1;
    cockpit.frame({ ...newest, seq, panels, ...(findings === undefined ? {} : { findings }), timeline: { ...timeline, at, asked: step } });
  };
  const cockpit = new Cockpit(el, null, seek);
  if (held.asset !== undefined) cockpit.receive(held.asset, []);
  cockpit.frame(newest);
  return () => cockpit.dispose();
}

export default { render };
