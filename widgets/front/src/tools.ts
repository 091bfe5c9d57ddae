/* Tools: what a reader can do inside one panel beyond looking. A panel without an entry in `TOOLS` has none.
 *
 * Tools add nodes to `seat.bar` (a line of small buttons over the plot, inside the panel's fixed height) and to
 * `seat.body` (on top of the plot); they keep the reader's choices in `seat.local`, where the panel's pens read them. */

import { attentionTools } from "./attention/tools.ts";
import type { Asset } from "./assets.ts";
import { pairsTools } from "./pairs/tools.ts";
import type { Picture } from "./pen/picture.ts";
import type { Local } from "./pen/stage.ts";
import type { Panel } from "./spec.ts";
import { projectionTools } from "./projection/tools.ts";
import { temperatureTools } from "./temperature/tools.ts";
import type { Tokens } from "./theme.ts";

export interface Seat {
  readonly noun: string;
  readonly section: HTMLElement;
  readonly body: HTMLElement;
  readonly plot: HTMLElement;
  readonly bar: HTMLElement;
  readonly local: Local;
  /** Asks the kernel for another picture of this panel; does nothing where there is no kernel. */
  option(name: string, value: string): void;
  /** Sets a control of the run, as its slider would. */
  control(name: string, value: number): void;
  /** Why a control cannot be set now; "" when it can. */
  refusal(name: string): string;
  readonly live: boolean;
  /** A sheet by name; asked for when it is absent, and the panel is drawn again when it comes. */
  asset(name: string): Asset | null;
  redraw(): void;
}

export interface Tools {
  /** Before every drawing: the panel with what the reader has added to it. */
  prepare?(panel: Panel): Panel;
  /** After every drawing. */
  drawn(picture: Picture, panel: Panel, tokens: Tokens): void;
  /** A key in the panel; true when it was used. */
  key(event: KeyboardEvent): boolean;
  /** Words for the list of keys: "arrows: next item". */
  readonly keys: readonly string[];
  /** What a test may ask: merged into `drawn(noun).tools`. */
  state(): Record<string, unknown>;
  dispose(): void;
}

export const TOOLS: Partial<Record<string, (seat: Seat) => Tools>> = {
  attention: attentionTools,
  pairs: pairsTools,
  projection: projectionTools,
  temperature: temperatureTools,
};
