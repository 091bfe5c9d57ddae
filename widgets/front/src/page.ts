/* What the page does around the cockpit: it is resized, zoomed, hidden, scrolled away, turned dark. */

import { watchTheme } from "./theme.ts";

export interface PageEvents {
  resized(): void;
  themed(): void;
  hidden(hidden: boolean): void;
  everySecond(): void;
}

export class Page {
  hidden = document.hidden;
  private onScreen = true;
  private readonly cleaning: (() => void)[] = [];

  constructor(root: HTMLElement, private readonly events: PageEvents) {
    let width = -1;
    const sizes = new ResizeObserver(() => {
      // A strip that opens makes the cockpit taller, which moves panels but resizes none.
      if (root.clientWidth === width) return;
      width = root.clientWidth;
      events.resized();
    });
    sizes.observe(root);
    const seen = new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1]?.isIntersecting ?? true;
      this.look();
    });
    seen.observe(root);
    const look = (): void => this.look();
    const zoomed = (): void => events.resized();
    document.addEventListener("visibilitychange", look);
    window.addEventListener("resize", zoomed);
    // A web font that arrives late changes the width of every word.
    document.fonts?.ready.then(() => (this.cleaning.length > 0 ? events.resized() : undefined)).catch(() => undefined);
    const clock = setInterval(() => (this.hidden ? undefined : events.everySecond()), 1000);
    this.cleaning.push(
      () => sizes.disconnect(),
      () => seen.disconnect(),
      () => document.removeEventListener("visibilitychange", look),
      () => window.removeEventListener("resize", zoomed),
      () => clearInterval(clock),
      watchTheme(() => events.themed()),
    );
  }

  private look(): void {
    const hidden = document.hidden || !this.onScreen;
    if (hidden === this.hidden) return;
    this.hidden = hidden;
    this.events.hidden(hidden);
  }

  dispose(): void {
    for (const clean of this.cleaning.splice(0)) clean();
  }
}
