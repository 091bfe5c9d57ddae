/* The line of small buttons over the map: classes, pictures, what is chosen; which colours and which method. */

import { h, setAttribute, setText, show } from "../dom.ts";
import { count } from "../format.ts";
import { coloured, sizes, type Reader, type Shown } from "../pen/cloud_map.ts";
import { markOf } from "./tile.ts";

export interface BarEvents {
  classChosen(kind: number): void;
  picturesToggled(): void;
  galleryOpened(): void;
  optionChosen(name: string, value: string): void;
}

/** What the kernel can be asked for, and what it shows now. */
export interface Choice {
  name: string;
  label: string;
  value: string;
  values: readonly (readonly [string, string])[];
}

const NO_KERNEL = "This needs the kernel; this page has none.";

export class Bar {
  private readonly classesButton = h(
    "button",
    { type: "button", class: "vg-quiet vg-classes-button", "aria-expanded": "false" },
    "Classes",
  );
  private readonly classes = h("div", {
    class: "vg-classes",
    role: "group",
    "aria-label": "Choose a whole class",
    hidden: true,
  });
  private readonly picturesButton = h(
    "button",
    { type: "button", class: "vg-quiet", "aria-pressed": "true" },
    "Pictures",
  );
  private readonly chosenButton = h("button", { type: "button", class: "vg-quiet vg-chosen-button", hidden: true });
  private readonly choices = h("span", { class: "vg-choices" });
  private readonly selects = new Map<string, HTMLSelectElement>();
  /** Asked for and not yet on the map. */
  private readonly asked = new Map<string, string>();
  private listed = "";
  private built = "";

  constructor(
    node: HTMLElement,
    private readonly live: boolean,
    private readonly events: BarEvents,
  ) {
    const holder = h("span", { class: "vg-classes-holder" }, this.classesButton, this.classes);
    node.append(holder, this.picturesButton, this.chosenButton, this.choices);
    this.classesButton.addEventListener("click", () => this.list(this.classes.hidden));
    this.picturesButton.addEventListener("click", () => events.picturesToggled());
    this.chosenButton.addEventListener("click", () => events.galleryOpened());
    node.addEventListener("keydown", (event) => this.key(event));
    holder.addEventListener("focusout", (event) => {
      if (!holder.contains(event.relatedTarget as Node | null)) this.list(false);
    });
  }

  get listing(): boolean {
    return !this.classes.hidden;
  }

  list(open: boolean): void {
    show(this.classes, open);
    setAttribute(this.classesButton, "aria-expanded", String(open));
  }

  private key(event: KeyboardEvent): void {
    // A list of choices takes letters and arrows for itself; to the cockpit they would mean something else.
    if (event.target instanceof HTMLSelectElement) event.stopPropagation();
    const buttons = [...this.classes.querySelectorAll("button")];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (event.key === "Escape" && this.listing) {
      this.list(false);
      this.classesButton.focus();
    } else if (event.key === "ArrowDown" && (at >= 0 || (event.target === this.classesButton && this.listing))) {
      buttons[Math.min(buttons.length - 1, at + 1)]?.focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      (at === 0 ? this.classesButton : buttons[at - 1]!).focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  update(
    shown: Shown,
    reader: Reader,
    chosen: number,
    hasPictures: boolean,
    choices: readonly Choice[],
    ratio: number,
  ): void {
    const { layer } = shown;
    show(this.classesButton, layer.kinds.length > 0);
    show(this.picturesButton, hasPictures);
    setAttribute(this.picturesButton, "aria-pressed", String(reader.pictures));
    setAttribute(
      this.picturesButton,
      "title",
      reader.pictures ? "Hide the pictures on the map" : "Show a few items of each class as pictures",
    );
    show(this.chosenButton, chosen > 0);
    setText(this.chosenButton, `${count(chosen)} chosen`);
    this.listClasses(shown, reader, ratio);
    this.offer(choices);
  }

  private listClasses(shown: Shown, reader: Reader, ratio: number): void {
    const { layer, marks } = shown;
    const found = sizes(layer);
    const told = `${layer.kinds.join("\n")}|${found.join()}|${marks.map((m) => m.shape + m.color).join()}|${ratio}`;
    if (told === this.listed) return;
    const at = [...this.classes.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
    this.listed = told;
    const own = coloured(layer, reader.picked);
    this.classes.replaceChildren();
    layer.kinds.forEach((name, kind) => {
      const title = own.includes(kind) ? `Choose all of ${name}` : `Choose all of ${name}, and give it a colour`;
      const button = h(
        "button",
        { type: "button", class: "vg-class", "data-kind": kind, title },
        markOf(marks[kind]!, ratio),
        h("span", {}, name),
        h("span", { class: "vg-small" }, count(found[kind]!)),
      );
      button.addEventListener("click", () => this.events.classChosen(kind));
      this.classes.append(button);
    });
    if (at >= 0) this.classes.querySelectorAll("button")[at]?.focus();
  }

  private offer(choices: readonly Choice[]): void {
    const built = choices.map((c) => `${c.name}:${c.values.join()}`).join("|");
    if (built !== this.built) {
      this.built = built;
      this.selects.clear();
      this.choices.replaceChildren(...choices.map((choice) => this.build(choice)));
    }
    for (const choice of choices) {
      if (this.asked.get(choice.name) === choice.value) this.asked.delete(choice.name);
      const select = this.selects.get(choice.name)!;
      const asked = this.asked.get(choice.name);
      if (document.activeElement !== select || asked === undefined) select.value = asked ?? choice.value;
      select.classList.toggle("vg-asked", asked !== undefined);
      const shownNow = choice.values.find(([value]) => value === choice.value)?.[1] ?? choice.value;
      const hint = asked === undefined ? choice.label : `asked for; the map still shows ${shownNow}`;
      setAttribute(select, "title", this.live ? hint : NO_KERNEL);
    }
  }

  private build(choice: Choice): HTMLElement {
    const select = h(
      "select",
      {
        class: "vg-select",
        "aria-label": this.live ? choice.label : `${choice.label}. ${NO_KERNEL}`,
        disabled: !this.live,
      },
      ...choice.values.map(([value, words]) => h("option", { value }, words)),
    );
    select.addEventListener("change", () => {
      // What was asked for before may be on its way, so also the value that is shown is asked for.
      this.asked.set(choice.name, select.value);
      this.events.optionChosen(choice.name, select.value);
      select.classList.add("vg-asked");
    });
    this.selects.set(choice.name, select);
    // A control that is off says nothing of why; what holds it does.
    return h("span", { title: this.live ? null : NO_KERNEL }, select);
  }

  get wishes(): Record<string, string> {
    return Object.fromEntries(this.asked);
  }
}
