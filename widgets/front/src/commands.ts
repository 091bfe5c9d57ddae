/* Commands that were given and not yet answered. After 5 s the header says why there is no answer. */

import type { Ack, CommandName } from "./protocol.ts";

const PATIENCE_MS = 5000;

export class Commands {
  private readonly waiting = new Map<string, { name: CommandName; timer: ReturnType<typeof setTimeout> }>();

  constructor(
    private readonly say: (trouble: string) => void,
    private readonly why: () => string,
  ) {}

  given(id: string, name: CommandName): void {
    // Freezing has no answer: the output itself is replaced.
    if (name === "freeze") return;
    const timer = setTimeout(() => {
      const why = this.why();
      const cause = why === "" || why.startsWith("all controls") ? "the kernel has not answered for 5 s" : why;
      this.say(`${name} not done yet: ${cause}`);
    }, PATIENCE_MS);
    this.waiting.set(id, { name, timer });
  }

  /** True when the answer was to a command. */
  answer(ack: Ack): boolean {
    const command = this.waiting.get(ack.id);
    if (command === undefined) return false;
    clearTimeout(command.timer);
    this.waiting.delete(ack.id);
    this.say(ack.state === "refused" ? `${command.name} was refused: ${ack.why || "no reason given"}` : "");
    return true;
  }

  dispose(): void {
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }
}
