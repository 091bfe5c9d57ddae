/* Keys: what is done when one is pressed in the cockpit. They go no further than the cockpit. */

import type { Board } from "./board.ts";
import type { FindingsView } from "./findings.ts";
import type { HeaderView } from "./header.ts";
import type { HelpView } from "./help.ts";
import { actionFor, focusOf, type Action } from "./keyboard.ts";
import type { CommandName } from "./protocol.ts";
import type { TimelineView } from "./timeline.ts";

export interface Reach {
  header: HeaderView;
  findings: FindingsView;
  help: HelpView;
  board: Board;
  timeline: TimelineView;
  /** There is a kernel to give commands to. */
  live: boolean;
  command(name: CommandName): void;
}

export class Keys {
  constructor(private readonly reach: Reach) {}

  key(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    const focus = focusOf(target);
    // What a panel can do comes first: its arrows may choose an item.
    const used = focus !== "text" && (this.reach.board.panelOf(target)?.key(event) ?? false);
    const action = used ? null : actionFor(event, focus);
    if (used || (action !== null && this.act(action, target))) event.preventDefault();
  }

  toggleHelp(): void {
    const { help } = this.reach;
    if (help.open) help.hide();
    else this.showHelp();
  }

  private showHelp(): void {
    const { help, board } = this.reach;
    help.show({
      panels: [...board.panels.values()],
      list: board.list(),
      toggle: (noun) => board.toggle(noun),
      shift: (noun, by) => board.shift(noun, by),
      refresh: () => this.showHelp(),
      close: () => help.hide(),
    });
  }

  private act(action: Action, target: HTMLElement): boolean {
    const { board, timeline, header } = this.reach;
    const panel = board.panelOf(target);
    const section = panel?.section ?? null;
    switch (action.do) {
      case "toggle":
        return this.press(header.runState === "live" ? "pause" : "run");
      case "step":
        return this.press("step");
      case "help":
        this.toggleHelp();
        return true;
      case "table":
        panel?.toggleTable();
        return panel !== null;
      case "alone":
        board.setAlone(section);
        return true;
      case "back":
        return this.back();
      case "live":
        timeline.go(null);
        return true;
      case "event":
        timeline.toEvent(action.by);
        return true;
      case "finding":
        return this.reach.findings.next();
      case "move":
        board.move(section, action.to);
        return true;
    }
  }

  private press(name: CommandName): boolean {
    const { header, live, command } = this.reach;
    if (!live) return false;
    if (header.can(name)) command(name);
    else if (header.why(name) !== "") header.say(header.why(name));
    return true;
  }

  private back(): boolean {
    const { help, board } = this.reach;
    if (help.open) {
      help.hide();
      return true;
    }
    const { alone } = board;
    if (alone === null) return false;
    board.setAlone(null);
    alone.focus();
    return true;
  }
}
