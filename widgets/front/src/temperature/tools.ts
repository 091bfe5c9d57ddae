/* What a reader can do in the temperature panel: try another temperature on the batch that is drawn, and then apply it.
 * Trying needs no kernel; applying goes the way of the control's own slider. */

import { h, setAttribute, setText, show } from "../dom.ts";
import { number, percent, tick } from "../format.ts";
import type { WeightsLayer } from "../layers/weights.ts";
import type { Picture } from "../pen/picture.ts";
import { fraction, valueAt } from "../scale.ts";
import type { Layer, LineLayer, Numbers, Panel, Plot } from "../spec.ts";
import type { Seat, Tools } from "../tools.ts";
import { same } from "../wish.ts";
import { anchorsOf, BINS, sharedAt, type Anchors, type Shared } from "./shares.ts";

const KEYS: readonly string[] = [
  "Tab to τ, arrows: try another temperature, with Shift ten notches; Enter: apply it; Esc: back to the one in force",
];
const NOTCHES_A_DECADE = 20;
/** What weighs less moves nothing; the axis ends there. */
const LEAST = 0.01;
const HINT = "drag τ to see the weights at another temperature";

class TemperatureTools implements Tools {
  readonly keys = KEYS;
  private readonly slider = h("input", { type: "range", class: "vg-tau", step: 1, min: 0, "aria-label": "Temperature to try" });
  private readonly value = h("span", { class: "vg-tau-value" });
  private readonly apply = h("button", { type: "button", class: "vg-quiet" }, "Apply");
  private readonly back = h("button", { type: "button", class: "vg-quiet", title: "Back to the temperature in force" }, "Reset");
  private readonly row = h("div", { class: "vg-tau-row" }, h("span", {}, "try τ"), this.slider, this.value, this.apply, this.back);
  private readonly told = h("div", { class: "vg-foot vg-tried", "aria-live": "polite", hidden: true });
  private layer: WeightsLayer | null = null;
  private anchors: Anchors | null = null;
  private of: Numbers | null = null;
  private tried: number | null = null;
  private asked: number | null = null;
  private shared: Shared | null = null;

  constructor(private readonly seat: Seat) {
    seat.bar.append(this.row);
    seat.section.append(this.told);
    this.slider.addEventListener("input", () => this.moved());
    this.slider.addEventListener("keydown", (event) => this.pressed(event));
    this.apply.addEventListener("click", () => this.send());
    this.back.addEventListener("click", () => {
      this.slider.focus();
      this.try(null);
    });
  }

  prepare(panel: Panel): Panel {
    const layers = panel.plots.flatMap((plot) => plot.layers);
    this.layer = layers.find((layer): layer is WeightsLayer => layer.type === "weights") ?? null;
    this.shared = null;
    if (this.layer === null) return panel;
    const { temperature, negatives } = this.layer;
    if (this.asked !== null && same(this.asked, temperature)) this.asked = null;
    if (this.tried !== null && same(this.tried, temperature)) this.tried = null;
    if (this.tried === null) return panel;
    if (this.of !== negatives.data) {
      this.anchors = anchorsOf(this.layer);
      this.of = negatives.data;
    }
    this.shared = sharedAt(this.anchors!, this.tried);
    return { ...panel, plots: panel.plots.map((plot) => this.added(plot, this.shared!, `τ ${tick(this.tried!)}`)) };
  }

  private added(plot: Plot, { counts, weight, push }: Shared, name: string): Plot {
    const middles = Array.from({ length: BINS }, (_, bin) => ((bin + 0.5) * 2) / BINS - 1);
    if (plot.key === "weight") {
      const held = middles.map((_, bin) => bin).filter((bin) => counts[bin]! > 0);
      const y = held.map((bin) => (weight[bin]! >= LEAST ? weight[bin]! : NaN));
      return { ...plot, layers: [line(held.map((bin) => middles[bin]!), y, name), ...plot.layers] };
    }
    if (plot.key !== "push") return plot;
    return { ...plot, layers: [line(middles, Array.from(push, (share) => (share * BINS) / 2), ""), ...plot.layers] };
  }

  drawn(_: Picture): void {
    const { layer, seat, shared, tried } = this;
    show(this.row, layer !== null);
    show(this.told, layer !== null);
    if (layer === null) return;
    const notches = Math.max(1, Math.round(Math.log10(layer.high / layer.low) * NOTCHES_A_DECADE));
    const shown = tried ?? layer.temperature;
    setAttribute(this.slider, "max", String(notches));
    const at = String(Math.round(this.part(shown) * notches));
    if (this.slider.value !== at) this.slider.value = at;
    const words = shared === null ? "in force" : said(shared);
    setAttribute(this.slider, "aria-valuetext", `${tick(shown)}, ${words}`);
    setText(this.value, tick(shown));
    setText(this.told, shared === null ? HINT : `at τ ${tick(shown)}: ${words}${this.asked === null ? "" : "; asked for"}`);
    const refusal = layer.control === "" ? "This run has no control for it." : seat.refusal(layer.control);
    show(this.apply, seat.live);
    this.apply.disabled = tried === null || refusal !== "" || this.asked !== null;
    const hint = tried === null ? "Choose another temperature first." : "Train on at this temperature";
    setAttribute(this.apply, "title", refusal !== "" ? refusal : this.asked !== null ? "Asked for; its control says when it is applied." : hint);
    this.back.disabled = tried === null;
  }

  private part(value: number): number {
    return fraction(value, { ...this.layer!, scale: "log" });
  }

  private try(value: number | null): void {
    this.tried = value;
    this.asked = null;
    this.seat.redraw();
  }

  private moved(): void {
    if (this.layer === null) return;
    const { low, high } = this.layer;
    this.try(valueAt(Number(this.slider.value) / Number(this.slider.max), { low, high, scale: "log" }));
  }

  private pressed(event: KeyboardEvent): void {
    const by = event.key === "ArrowRight" || event.key === "ArrowUp" ? 10 : event.key === "ArrowLeft" || event.key === "ArrowDown" ? -10 : 0;
    if (event.key === "Enter") this.send();
    else if (event.key === "Escape" && this.tried !== null) this.try(null);
    else if (event.shiftKey && by !== 0) {
      this.slider.value = String(Number(this.slider.value) + by);
      this.moved();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private send(): void {
    if (this.layer === null || this.tried === null || this.apply.disabled) return;
    this.asked = this.tried;
    this.seat.control(this.layer.control, this.tried);
    this.seat.redraw();
  }

  key(): boolean {
    return false;
  }

  state(): Record<string, unknown> {
    const { layer, tried, asked, shared } = this;
    const { hardest = null, entropy = null, coupling = null } = shared ?? {};
    return { temperature: layer?.temperature ?? null, tried, asked, hardest, entropy, coupling, told: this.told.textContent };
  }

  dispose(): void {
    this.told.remove();
  }
}

function said({ hardest, entropy, coupling }: Shared): string {
  return `hardest 1 % take ${percent(hardest)}, entropy ${number(entropy)}${coupling === null ? "" : `, q ${coupling.toFixed(2)}`}`;
}

function line(x: number[], y: number[], label: string): Layer {
  const drawn: LineLayer = {
    type: "line", key: "preview", x, y, color: "second", dash: "solid", width: 1.25, opacity: 1, fill: false, end_dot: false,
    label, fill_to: "",
  };
  return drawn;
}

export const temperatureTools = (seat: Seat): Tools => new TemperatureTools(seat);
