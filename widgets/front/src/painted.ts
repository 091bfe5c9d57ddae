/* The page draws at once, but its pixels come later, much later where no graphics card helps: then the next animation
 * frames are late. So the kernel is told when they have come and how long it took, and sends less often. */

/** Of so many animation frames in a row, one waits for the picture before it to reach the screen. */
const FRAMES = 3;
const FRAME_MS = 1000 / 60;

export class Painted {
  /** The frame that asked to be confirmed; 0 when none does. */
  private wanted = 0;
  private seq = 0;
  private ms = 0;
  private waiting = false;

  constructor(private readonly tell: (seq: number, ms: number) => void) {}

  /** Frame `seq` asks to be confirmed, or the one that is drawn in its place. */
  ask(seq: number): void {
    this.wanted = seq;
  }

  /** Frame `seq` has been drawn, in `ms`. */
  drawn(seq: number, ms: number): void {
    this.seq = seq;
    this.ms = ms;
    if (this.waiting || this.wanted === 0 || this.seq < this.wanted) return;
    this.wanted = 0;
    this.waiting = true;
    this.wait(seq, ms, performance.now() - ms, FRAMES);
  }

  /** `seq` and `ms` are those of the picture waited for: another may be drawn meanwhile. */
  private wait(seq: number, ms: number, began: number, frames: number): void {
    if (frames > 0) {
      requestAnimationFrame(() => this.wait(seq, ms, began, frames - 1));
      return;
    }
    this.waiting = false;
    const took = Math.max(ms, performance.now() - began - FRAMES * FRAME_MS);
    this.tell(seq, Math.round(took * 100) / 100);
    this.drawn(this.seq, this.ms); // what was asked for meanwhile
  }
}
