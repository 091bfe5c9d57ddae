// src/commands.ts
var PATIENCE_MS = 5e3;
var Commands = class {
  constructor(say, why) {
    this.say = say;
    this.why = why;
  }
  waiting = /* @__PURE__ */ new Map();
  given(id, name) {
    if (name === "freeze") return;
    const timer = setTimeout(() => {
      const why = this.why();
      const cause = why === "" || why.startsWith("all controls") ? "the kernel has not answered for 5 s" : why;
      this.say(`${name} not done yet: ${cause}`);
    }, PATIENCE_MS);
    this.waiting.set(id, { name, timer });
  }
  /** True when the answer was to a command. */
  answer(ack) {
    const command = this.waiting.get(ack.id);
    if (command === void 0) return false;
    clearTimeout(command.timer);
    this.waiting.delete(ack.id);
    this.say(ack.state === "refused" ? `${command.name} was refused: ${ack.why || "no reason given"}` : "");
    return true;
  }
  dispose() {
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }
};

// src/dom.ts
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === void 0 || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null) node.append(child);
}
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  fill(node, attributes, children);
  return node;
}
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(node, attributes, children);
  return node;
}
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}
function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

// src/wish.ts
var PATIENCE = 5;
var LOST = 2;
function same(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
  return a === b;
}
var Wishes = class {
  wish = null;
  /** What this page was told last: "applied at step 620", or why a value was refused. */
  told = "";
  refused = false;
  /** Applied according to an answer that the next frame has yet to repeat. */
  confirmed = null;
  framesSince = 0;
  ask(value, now) {
    this.wish = { value, id: null, since: now };
    this.told = "";
    this.refused = false;
  }
  sent(id, now) {
    if (this.wish !== null) this.wish = { ...this.wish, id, since: now };
  }
  /** Answers to older requests are not about what is shown now, and are passed over. */
  answer(ack, words) {
    if (this.wish === null || this.wish.id !== ack.id) return false;
    if (ack.state === "applied") this.confirmed = ack.value ?? this.wish.value;
    this.framesSince = 0;
    this.told = words;
    this.refused = ack.state === "refused";
    this.wish = null;
    return true;
  }
  /** A frame came. What it says is applied is what is applied, except that one frame may have been on its
   * way when the answer was sent. */
  frame(value, note, pending, now) {
    if (this.wish !== null && pending === null && same(this.wish.value, value) && this.waiting(now) > LOST) this.wish = null;
    if (this.confirmed !== null) {
      this.framesSince += 1;
      if (same(this.confirmed, value) || this.framesSince > 1) this.confirmed = null;
    }
    if (this.confirmed === null && note !== "" && !this.refused) this.told = "";
  }
  applied(value) {
    return this.confirmed ?? value;
  }
  waiting(now) {
    return this.wish?.id == null ? 0 : now - this.wish.since;
  }
};

// src/choice.ts
var ChoiceView = class {
  constructor(control, view, send) {
    this.control = control;
    this.view = view;
    this.send = send;
    const top = h("div", { class: "vg-control-top" }, this.label, this.unit, this.note.node);
    this.node = h(
      "div",
      { class: "vg-control vg-choice", "data-control": control.name, role: "radiogroup", "aria-label": control.label },
      top,
      this.options
    );
    this.update(control, "");
  }
  node;
  label = h("span", { class: "vg-label" });
  unit = h("span", { class: "vg-small" });
  note = new NoteLine();
  options = h("div", { class: "vg-options" });
  inputs = /* @__PURE__ */ new Map();
  wishes = new Wishes();
  built = "";
  why = "";
  update(control, why) {
    if (control.kind !== "choice") return;
    this.control = control;
    this.why = why;
    this.wishes.frame(control.value, control.note, control.pending, seconds());
    if (control.options.join("|") !== this.built) this.build(control);
    this.draw();
  }
  answer(ack) {
    if (this.wishes.answer(ack, ackWords(ack))) this.draw();
  }
  tick(now, why) {
    this.why = why;
    if (this.wishes.waiting(now) > PATIENCE) this.draw();
  }
  resized() {
    this.node.classList.toggle("vg-narrow", this.node.clientWidth < 350);
  }
  build(control) {
    this.built = control.options.join("|");
    this.inputs.clear();
    this.options.replaceChildren();
    for (const option of control.options) {
      const input = h("input", { type: "radio", name: `vg-${this.view}-${control.name}`, value: option });
      input.addEventListener("change", () => this.choose(option));
      this.inputs.set(option, input);
      const words = h("span", {}, option);
      const isDefault = option === control.default ? h("span", { class: "vg-small" }, "default") : null;
      this.options.append(h("label", { class: "vg-option" }, input, words, isDefault));
    }
  }
  choose(option) {
    this.wishes.ask(option, seconds());
    this.wishes.sent(this.send(this.control.name, option), seconds());
    this.draw();
  }
  draw() {
    const applied = String(this.wishes.applied(this.control.value));
    const shown = String(this.wishes.wish?.value ?? this.control.pending ?? applied);
    setText(this.label, this.control.label);
    setText(this.unit, this.control.unit);
    this.note.tell(this.wishes, this.control, applied, this.wishes.waiting(seconds()), this.why);
    for (const [option, input] of this.inputs) {
      input.checked = option === shown;
      input.classList.toggle("vg-asked", option === shown && shown !== applied);
      input.classList.toggle("vg-was", option === applied && shown !== applied);
    }
  }
};

// src/format.ts
var MINUS = "−";
function thousands(whole) {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ",");
}
function count(value) {
  return thousands(Math.round(value)).replace("-", MINUS);
}
function number(value, digits = 2) {
  if (value === null) return "unknown";
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return value.toFixed(digits);
  const size = Math.abs(value);
  let text;
  if (size >= 1e3) text = thousands(Math.round(value));
  else if (size < 10 ** -digits) text = String(Number(value.toPrecision(2)));
  else text = value.toFixed(digits);
  return text.replace("-", MINUS);
}
function setting(value, digits) {
  for (let d = digits; d < 12; d++) {
    const text = value.toFixed(d);
    if (Math.abs(Number(text) - value) <= 5e-3 * Math.abs(value)) return text.replace("-", MINUS);
  }
  return String(value).replace("-", MINUS);
}
function tick(value) {
  return String(Number(value.toPrecision(4))).replace("-", MINUS);
}
function percent(share) {
  const value = share * 100;
  const text = value >= 9.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
  return `${text} %`;
}
function parse(text) {
  const plain = text.trim().replace(MINUS, "-").replace(/\s/g, "").replace(/^(-?\d+),(\d+)$/, "$1.$2");
  if (plain === "") return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}

// src/scale.ts
function scale(low, high, start, end, log) {
  const top = high === low ? low + 1 : high;
  if (log && low > 0 && top > 0) {
    const a = Math.log10(low);
    const span = Math.log10(top) - a;
    return {
      low,
      high: top,
      start,
      end,
      to: (value) => value > 0 ? start + (Math.log10(value) - a) / span * (end - start) : NaN,
      from: (place2) => 10 ** (a + (place2 - start) / (end - start) * span)
    };
  }
  return {
    low,
    high: top,
    start,
    end,
    to: (value) => start + (value - low) / (top - low) * (end - start),
    from: (place2) => low + (place2 - start) / (end - start) * (top - low)
  };
}
function clamp(value, range) {
  return Math.min(range.high, Math.max(range.low, value));
}
function fraction(value, range) {
  return Math.min(1, Math.max(0, scale(range.low, range.high, 0, 1, range.scale === "log").to(value)));
}
var NOTCHES_A_DECADE = 20;
var NOTCHES = 100;
function rounded(value, range) {
  if (range.scale === "log") return Number(value.toPrecision(2));
  const unit = (range.high - range.low) / NOTCHES;
  return Number((range.low + Math.round((value - range.low) / unit) * unit).toPrecision(6));
}
function valueAt(part, range) {
  const place2 = Math.min(1, Math.max(0, part));
  return clamp(rounded(scale(range.low, range.high, 0, 1, range.scale === "log").from(place2), range), range);
}
function notch(value, by, range) {
  if (range.scale === "log") {
    let exponent = Math.log10(value) * NOTCHES_A_DECADE;
    for (let tries = 0; tries < 4; tries++) {
      exponent += tries === 0 ? by : Math.sign(by);
      const next = clamp(rounded(10 ** (exponent / NOTCHES_A_DECADE), range), range);
      if (next !== value) return next;
    }
    return value;
  }
  return clamp(rounded(value + by * (range.high - range.low) / NOTCHES, range), range);
}

// src/ticks.ts
function layTicks(places, sizes, start, end, gap) {
  const all = places.map((at2, index) => {
    const size = sizes[index] ?? 0;
    const from = Math.max(start, Math.min(end - size, at2 - size / 2));
    return { index, at: at2, from, size };
  });
  all.sort((a, b) => a.from - b.from);
  const first = all[0];
  const last = all[all.length - 1];
  if (first === void 0 || last === void 0) return [];
  if (all.length === 1) return all;
  const kept = [first];
  let edge = first.from + first.size;
  for (const place2 of all.slice(1, -1)) {
    if (place2.from >= edge + gap && place2.from + place2.size + gap <= last.from) {
      kept.push(place2);
      edge = place2.from + place2.size;
    }
  }
  if (last.from >= edge + gap) kept.push(last);
  return kept;
}

// src/slider.ts
var MARGIN = 7;
var TRACK = 9;
var HEIGHT = 32;
var GLYPH = 6.3;
function width(text) {
  return text.length * GLYPH;
}
function placeOf(value, control, total) {
  return MARGIN + fraction(value, control) * (total - 2 * MARGIN);
}
function partAt(x, total) {
  return (x - MARGIN) / Math.max(1, total - 2 * MARGIN);
}
function drawTrack(control, shown, was, total) {
  const at2 = (value) => placeOf(value, control, total);
  const line2 = (cls, x1, y1, x2, y2) => svg("line", { class: cls, x1, y1, x2, y2 });
  const root = svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, "aria-hidden": "true" });
  root.append(line2("vg-track", MARGIN, TRACK, total - MARGIN, TRACK));
  root.append(line2("vg-track-done", MARGIN, TRACK, at2(was ?? shown), TRACK));
  if (was !== null) root.append(line2("vg-track-asked", at2(was), TRACK, at2(shown), TRACK));
  const labels = control.ticks.map(tick);
  const sizes = labels.map(width);
  const taken = [];
  for (const spot of layTicks(control.ticks.map(at2), sizes, 0, total, 8)) {
    root.append(line2("vg-tick", spot.at, TRACK + 4, spot.at, TRACK + 7));
    const label = labels[spot.index];
    const first = spot.from <= 0.5;
    const last = spot.from + spot.size >= total - 0.5;
    const x = first ? 0 : last ? total : spot.at;
    root.append(svg("text", { x, y: TRACK + 19, "text-anchor": first ? "start" : last ? "end" : "middle" }, label));
    taken.push([spot.from, spot.from + spot.size]);
  }
  if (control.default !== null) {
    const x = at2(control.default);
    root.append(line2("vg-default", x, TRACK - 5, x, TRACK + 5));
    const words = `default ${setting(control.default, 1).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}`;
    const free = freeSpot(x, width(words), taken, total);
    if (free !== null) root.append(svg("text", { x: free, y: TRACK + 19, "text-anchor": "middle" }, words));
  }
  if (was !== null) root.append(svg("circle", { class: "vg-ring", cx: at2(was), cy: TRACK, r: 4.5 }));
  const thumb = svg("circle", { class: was === null ? "vg-thumb" : "vg-thumb vg-thumb-asked", cx: at2(shown), cy: TRACK, r: 6 });
  root.append(thumb);
  return root;
}
function freeSpot(x, size, taken, total) {
  for (const shift of [0, -10, 10, -20, 20, -30, 30]) {
    const from = x + shift - size / 2;
    const to = from + size;
    if (from < 0 || to > total) continue;
    if (taken.every(([a, b]) => to + 7 <= a || from - 7 >= b)) return x + shift;
  }
  return null;
}

// src/controls.ts
var BURST_MS = 180;
var NARROW = 350;
function seconds() {
  return performance.now() / 1e3;
}
function ackWords(ack) {
  if (ack.state === "refused") return `refused: ${ack.why || "no reason given"}`;
  return ack.step === null ? "applied" : `applied at step ${count(ack.step)}`;
}
var NoteLine = class {
  node = h("span", { class: "vg-small vg-control-note" });
  mark = h("span", { "aria-hidden": "true" });
  words = h("span", {});
  constructor() {
    this.node.append(this.mark, this.words);
  }
  write(kind, words) {
    setText(this.mark, { none: "", pending: "◌ ", applied: "✓ ", refused: "▲ " }[kind]);
    setText(this.words, words);
    setAttribute(this.node, "data-kind", kind);
  }
  tell(wishes, control, was, waiting, why) {
    const elsewhere = wishes.wish === null && control.pending !== null;
    if (wishes.wish !== null || elsewhere) {
      const late = waiting > PATIENCE;
      const cause = why === "" || why.startsWith("all controls") ? `no answer for ${Math.floor(waiting)} s` : why;
      this.write("pending", late ? `not yet, still ${was}: ${cause}` : `pending, was ${was}`);
    } else if (wishes.told !== "") this.write(wishes.refused ? "refused" : "applied", wishes.told);
    else if (control.refused !== "") this.write("refused", `refused: ${control.refused}`);
    else if (control.note !== "") this.write("applied", control.note);
    else this.write("none", "");
  }
};
var SliderView = class {
  constructor(control, send) {
    this.control = control;
    this.send = send;
    this.slider = h("div", { class: "vg-slider", role: "slider", tabindex: 0, "data-slider": control.name });
    const top = h("div", { class: "vg-control-top" }, this.label, this.unit, this.note.node, this.value, this.input);
    this.node = h("div", { class: "vg-control", "data-control": control.name }, top, this.slider);
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.slider.addEventListener("pointerdown", (event) => this.grab(event));
    this.slider.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.slider.addEventListener(end, () => this.release());
    }
    this.value.addEventListener("dblclick", () => this.edit());
    this.value.addEventListener("click", (event) => event.detail === 0 ? this.edit() : void 0);
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.typed();
      if (event.key === "Escape") this.stopEdit(true);
    });
    this.input.addEventListener("blur", () => this.stopEdit(false));
    this.update(control, "");
  }
  node;
  label = h("span", { class: "vg-label" });
  unit = h("span", { class: "vg-small" });
  note = new NoteLine();
  value = h("button", { type: "button", class: "vg-value", title: "Double click, or Enter, to type a value" });
  input = h("input", { type: "text", inputmode: "decimal", class: "vg-value-input", hidden: true });
  slider;
  wishes = new Wishes();
  dragging = false;
  burst = null;
  why = "";
  update(control, why) {
    if (control.kind !== "slider") return;
    this.control = control;
    this.why = why;
    this.wishes.frame(control.value, control.note, control.pending, seconds());
    this.draw();
  }
  answer(ack) {
    if (this.wishes.answer(ack, ackWords(ack))) this.draw();
  }
  tick(now, why) {
    this.why = why;
    if (this.wishes.waiting(now) > PATIENCE) this.draw();
  }
  resized() {
    this.draw();
  }
  get applied() {
    return Number(this.wishes.applied(this.control.value));
  }
  get shown() {
    return Number(this.wishes.wish?.value ?? this.control.pending ?? this.applied);
  }
  draw() {
    const { control, shown, applied } = this;
    const pending = this.wishes.wish !== null || control.pending !== null;
    setText(this.label, control.label);
    setText(this.unit, control.unit);
    const text = setting(shown, control.digits);
    const was = setting(applied, control.digits);
    setText(this.value, text);
    this.note.tell(this.wishes, control, was, this.wishes.waiting(seconds()), this.why);
    const total = this.node.clientWidth;
    this.node.classList.toggle("vg-narrow", total < NARROW);
    if (total > 0) this.slider.replaceChildren(drawTrack(control, shown, pending ? applied : null, total));
    setAttribute(this.slider, "aria-label", `${control.label}, ${control.unit}`);
    setAttribute(this.slider, "aria-valuemin", String(control.low));
    setAttribute(this.slider, "aria-valuemax", String(control.high));
    setAttribute(this.slider, "aria-valuenow", String(shown));
    setAttribute(this.slider, "aria-valuetext", pending ? `${text}, pending, was ${was}` : text);
    const usual = control.default === null ? "" : `Default ${setting(control.default, control.digits)}. `;
    setAttribute(this.slider, "title", `${usual}Arrow keys move it, Enter types a value.`);
    setAttribute(this.input, "aria-label", `${control.label}, exact value`);
  }
  wishFor(value) {
    this.wishes.ask(value, seconds());
    this.draw();
  }
  commit() {
    if (this.burst !== null) clearTimeout(this.burst);
    this.burst = null;
    const wish = this.wishes.wish;
    if (wish === null || wish.id !== null) return;
    this.wishes.sent(this.send(this.control.name, wish.value), seconds());
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 10 : 1;
    const { low, high } = this.control;
    let next;
    if (event.key === "ArrowRight" || event.key === "ArrowUp") next = notch(this.shown, by, this.control);
    else if (event.key === "ArrowLeft" || event.key === "ArrowDown") next = notch(this.shown, -by, this.control);
    else if (event.key === "PageUp") next = notch(this.shown, 10, this.control);
    else if (event.key === "PageDown") next = notch(this.shown, -10, this.control);
    else if (event.key === "Home") next = low;
    else if (event.key === "End") next = high;
    else if (event.key === "Enter") return this.edit(), event.preventDefault();
    else return;
    event.preventDefault();
    this.wishFor(next);
    if (this.burst !== null) clearTimeout(this.burst);
    this.burst = setTimeout(() => this.commit(), BURST_MS);
  }
  follow(event) {
    const box = this.slider.getBoundingClientRect();
    this.wishFor(valueAt(partAt(event.clientX - box.left, box.width), this.control));
  }
  grab(event) {
    if (event.button !== 0) return;
    this.dragging = true;
    this.slider.setPointerCapture(event.pointerId);
    this.follow(event);
  }
  drag(event) {
    if (this.dragging) this.follow(event);
  }
  /* The run is asked where the thumb is let go, not at every place on the way: each change is a mark in the record. */
  release() {
    if (!this.dragging) return;
    this.dragging = false;
    this.commit();
  }
  edit() {
    this.input.value = setting(this.shown, this.control.digits).replace("−", "-");
    this.value.hidden = true;
    this.input.hidden = false;
    this.input.focus();
    this.input.select();
  }
  typed() {
    const value = parse(this.input.value);
    if (value === null) {
      this.note.write("refused", `"${this.input.value}" is no number`);
      return;
    }
    this.stopEdit(true);
    this.wishFor(value);
    this.commit();
  }
  stopEdit(focus) {
    if (this.input.hidden) return;
    this.input.hidden = true;
    this.value.hidden = false;
    if (focus) this.value.focus();
    this.draw();
  }
};
var ControlsView = class {
  constructor(view, send) {
    this.view = view;
    this.send = send;
  }
  node = h("div", { class: "vg-controls", role: "group", "aria-label": "Controls of the run", hidden: true });
  views = /* @__PURE__ */ new Map();
  names = "";
  update(controls, why) {
    const names = controls.map((c) => `${c.kind}:${c.name}`).join("|");
    if (names !== this.names) this.rebuild(controls, names);
    for (const control of controls) this.views.get(control.name)?.update(control, why);
  }
  rebuild(controls, names) {
    this.names = names;
    this.views.clear();
    for (const control of controls) {
      this.views.set(
        control.name,
        control.kind === "slider" ? new SliderView(control, this.send) : new ChoiceView(control, this.view, this.send)
      );
    }
    this.node.replaceChildren(...[...this.views.values()].map((view) => view.node));
    this.node.hidden = controls.length === 0;
    this.node.dataset["count"] = String(Math.min(4, controls.length));
    for (const view of this.views.values()) view.resized();
  }
  answer(ack) {
    for (const view of this.views.values()) view.answer(ack);
  }
  tick(now, why) {
    for (const view of this.views.values()) view.tick(now, why);
  }
  resized() {
    for (const view of this.views.values()) view.resized();
  }
};

// src/icons.ts
var BUTTONS = {
  run: "M2 1l7 4-7 4z",
  pause: "M2 1h2v8H2zM6 1h2v8H6z",
  step: "M1 1l5 4-5 4zM7 1h2v8H7z",
  stop: "M1 1h8v8H1z",
  freeze: "M4.5 0h1v10h-1zM.4 2.2l.5-.9 8.7 6.5-.5.9zM9.1 1.3l.5.9L.9 8.7l-.5-.9z"
};
var STATES = {
  idle: { d: "M5 1.2a3.8 3.8 0 1 0 .001 0z", open: true },
  live: { d: "M5 .5a4.5 4.5 0 1 0 .001 0z" },
  paused: { d: "M1.5 1h2.5v8H1.5zM6 1h2.5v8H6z" },
  stopped: { d: "M1 1h8v8H1z" },
  finished: { d: "M1 5.4l3 3 5-6.4", open: true },
  failed: { d: "M1.2 1.2l7.6 7.6M8.8 1.2l-7.6 7.6", open: true }
};
function icon(d, open = false) {
  const path = open ? svg("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.9 }) : svg("path", { d, fill: "currentColor" });
  return svg("svg", { class: "vg-icon", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, path);
}
function buttonIcon(name) {
  return icon(BUTTONS[name]);
}
function stateIcon(state) {
  const { d, open } = STATES[state];
  return icon(d, open);
}
function triangle() {
  const path = svg("path", { d: "M5.5 0L11 10H0z", fill: "currentColor" });
  return svg("svg", { class: "vg-triangle", viewBox: "0 0 11 10", width: 11, height: 10, "aria-hidden": "true" }, path);
}

// src/header.ts
var ORDER = ["run", "pause", "step", "stop", "freeze"];
var LABELS = { run: "Run", pause: "Pause", step: "Step", stop: "Stop", freeze: "Freeze" };
var SILENT_AFTER = 15;
var HeaderView = class {
  node;
  name = h("span", { class: "vg-name" });
  method = h("span", { class: "vg-method" });
  state = h("span", { class: "vg-state" });
  stateWord = h("span", {});
  stateNote = h("span", { class: "vg-small" });
  stepNumber = h("b", {});
  stepTotal = h("span", {});
  stepRoom = h("span", { class: "vg-room", "aria-hidden": "true" });
  rate = h("span", { class: "vg-rate" });
  cost = h("span", { class: "vg-cost" });
  costValue = h("b", {});
  costBudget = h("span", { class: "vg-small" });
  note = h("span", { class: "vg-small vg-controls-note" });
  buttons = /* @__PURE__ */ new Map();
  words = /* @__PURE__ */ new Map();
  header = null;
  shape = null;
  silent = 0;
  trouble = "";
  constructor(press) {
    this.state.append(this.stateWord);
    this.cost.append("watching costs ", this.costValue, " ", this.costBudget);
    const bar = h("span", { class: "vg-buttons", role: "group", "aria-label": "The run" });
    if (press !== null) {
      for (const name of ORDER) {
        const word = h("span", {}, LABELS[name]);
        const button = h("button", { type: "button", class: "vg-button", "data-command": name }, buttonIcon(name), word);
        button.addEventListener("click", () => {
          if (this.can(name)) press(name);
        });
        this.buttons.set(name, button);
        this.words.set(name, word);
        bar.append(button);
      }
    }
    const step = h("span", { class: "vg-step" }, h("span", {}, "step ", this.stepNumber, this.stepTotal), this.stepRoom);
    this.node = h(
      "header",
      { class: "vg-header" },
      h("span", { class: "vg-facts" }, this.name, this.method, this.state, this.stateNote, step, this.rate, this.cost),
      h("span", { class: "vg-reach" }, this.note, bar)
    );
  }
  /** Whether a command may be given now. */
  can(name) {
    return this.header?.buttons[name]?.enabled ?? false;
  }
  /** Why a command may not be given now, for those who pressed its key. */
  why(name) {
    return this.header?.buttons[name]?.why ?? "";
  }
  get runState() {
    return this.header?.state ?? "idle";
  }
  /** Says beside the buttons what became of one that was pressed; "" when all is well. */
  say(trouble) {
    this.trouble = trouble;
    if (this.header !== null) this.writeNote(this.header);
  }
  /** How long ago the kernel was last heard. */
  heard(secondsAgo) {
    const silent = this.header?.state === "live" && secondsAgo > SILENT_AFTER ? Math.floor(secondsAgo) : 0;
    if (silent === this.silent) return;
    this.silent = silent;
    if (this.header !== null) this.writeState(this.header);
  }
  update(header) {
    this.header = header;
    setText(this.name, header.name);
    setText(this.method, header.method);
    this.writeState(header);
    setText(this.stepNumber, count(header.step));
    setText(this.stepRoom, header.total === null ? "" : `step ${count(header.total)} of ${count(header.total)}`);
    setText(this.stepTotal, header.total === null ? "" : ` of ${count(header.total)}`);
    show(this.rate, header.rate !== null);
    if (header.rate !== null) setText(this.rate, `${rateText(header.rate)} steps/s`);
    setText(this.costValue, header.cost === null ? "" : percent(header.cost));
    const over = header.cost !== null && header.cost > header.budget;
    const budget = over ? `over its budget of ${percent(header.budget)}` : `budget ${percent(header.budget)}`;
    setText(this.costBudget, header.cost === null ? "not measured yet" : budget);
    this.cost.classList.toggle("vg-over", over);
    this.writeNote(header);
    for (const name of ORDER) this.writeButton(name, header);
  }
  writeState(header) {
    const lost = this.silent > 0;
    const shape = lost ? "idle" : header.state;
    if (shape !== this.shape) {
      this.shape = shape;
      this.state.replaceChildren(stateIcon(shape), this.stateWord);
      setAttribute(this.state, "data-run", shape);
    }
    setText(this.stateWord, lost ? "no answer" : header.state);
    const note = lost ? `nothing heard from the kernel for ${this.silent} s` : header.state_note;
    setText(this.stateNote, note);
    show(this.stateNote, note !== "");
  }
  writeNote(header) {
    setText(this.note, this.trouble || header.controls_note);
    this.note.classList.toggle("vg-strong", header.controls_late || this.trouble !== "");
  }
  writeButton(name, header) {
    const button = this.buttons.get(name);
    const word = this.words.get(name);
    if (button === void 0 || word === void 0) return;
    const spec = header.buttons[name];
    show(button, spec !== void 0);
    if (spec === void 0) return;
    setText(word, spec.label || LABELS[name]);
    setAttribute(button, "aria-disabled", spec.enabled ? null : "true");
    setAttribute(button, "title", spec.enabled ? null : spec.why || null);
  }
};
function rateText(rate) {
  if (rate >= 100) return count(rate);
  return number(rate, rate >= 10 ? 0 : 1);
}

// src/keyboard.ts
var ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
function actionFor(pressed, focus) {
  if (focus === "text" || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return null;
  const { key } = pressed;
  if (key === "?") return { do: "help" };
  if (key === "Escape") return { do: "back" };
  if (key === " ") return focus === "button" || focus === "radio" ? null : { do: "toggle" };
  if (key === "s" || key === "S") return { do: "step" };
  if (key === "t" || key === "T") return { do: "table" };
  if (focus !== "panel") return null;
  if (key === "Enter") return { do: "alone" };
  const to = ARROWS[key];
  return to === void 0 ? null : { do: "move", to };
}
function focusOf(target) {
  if (!(target instanceof Element)) return "other";
  if (target instanceof HTMLInputElement) return target.type === "radio" ? "radio" : "text";
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLElement && target.isContentEditable) return "text";
  if (target.getAttribute("role") === "slider") return "slider";
  if (target instanceof HTMLButtonElement) return "button";
  return target.hasAttribute("data-panel") ? "panel" : "other";
}
function neighbour(boxes, from, to) {
  const here = boxes[from];
  if (here === void 0) return from;
  const middle = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const [x, y] = middle(here);
  let best = from;
  let least = Infinity;
  boxes.forEach((box, i) => {
    if (i === from) return;
    const [bx, by] = middle(box);
    const across = to === "left" || to === "right";
    const ahead = to === "left" ? x - bx : to === "right" ? bx - x : to === "up" ? y - by : by - y;
    const aside = across ? Math.abs(by - y) : Math.abs(bx - x);
    if (ahead <= 1) return;
    const distance = ahead + 3 * aside;
    if (distance < least) {
      least = distance;
      best = i;
    }
  });
  if (best === from) {
    const next = to === "right" ? from + 1 : to === "left" ? from - 1 : from;
    return boxes[next] === void 0 ? from : next;
  }
  return best;
}
var KEYS = [
  ["Tab, Shift + Tab", "header, notices, controls, panels"],
  ["Space", "pause or run"],
  ["S", "one step, when paused"],
  ["Arrows on a panel", "the next panel in that direction"],
  ["Enter, Esc", "a panel alone at full width, and back"],
  ["T", "the numbers of a panel as a table, and back"],
  ["Left, Right on a slider", "one notch; with Shift ten; Home and End"],
  ["Enter on a slider", "type an exact value"],
  ["?", "this list"]
];

// src/help.ts
var HelpView = class {
  node = h("div", { class: "vg-help", role: "region", "aria-label": "Keys and meanings", tabindex: -1, hidden: true });
  get open() {
    return !this.node.hidden;
  }
  show(ends2, close) {
    const keys = h("dl", {});
    for (const [key, does] of KEYS) keys.append(h("dt", {}, key), h("dd", {}, does));
    const meanings = h("dl", {});
    for (const [noun, words] of ends2) {
      if (words.length > 0) meanings.append(h("dt", {}, noun), h("dd", {}, words.join(" ")));
    }
    const button = h("button", { type: "button", class: "vg-button" }, "Close");
    button.addEventListener("click", close);
    this.node.replaceChildren(
      h("div", {}, h("h3", {}, "Keys"), keys),
      h("div", {}, h("h3", {}, "What the ends mean"), meanings),
      button
    );
    this.node.hidden = false;
    this.node.focus();
  }
  hide() {
    this.node.hidden = true;
  }
};

// src/pen/stage.ts
var SMALL = 11;
var LINE = 13;
var HAIRLINE = 0.04;
function font(tokens, bold = false) {
  return `${bold ? 600 : 400} ${SMALL}px ${tokens.font}`;
}
function crisp(place2, ratio) {
  return (Math.floor(place2 * ratio) + 0.5) / ratio;
}
var OTHER_SIDE = 14;
function around(x, y, width2, gap, prefer) {
  const top = y - LINE / 2;
  const right = { left: x + gap, top, cost: prefer === "start" ? 0 : OTHER_SIDE };
  const left = { left: x - gap - width2, top, cost: prefer === "end" ? 0 : OTHER_SIDE };
  const above = { left: x - width2 / 2, top: y - gap - LINE, cost: prefer === "middle" ? 0 : 4 };
  const below = { left: x - width2 / 2, top: y + gap, cost: prefer === "middle" ? 1 : 5 };
  const places = [right, left, above, below];
  for (const [dx, dy] of [[1, -1], [1, 1], [-1, -1], [-1, 1]]) {
    places.push({
      left: dx > 0 ? x + gap * 0.7 : x - gap * 0.7 - width2,
      top: dy > 0 ? y + gap * 0.5 : y - gap * 0.5 - LINE,
      cost: dx > 0 === (prefer === "end") ? OTHER_SIDE : 6
    });
  }
  return places.sort((a, b) => a.cost - b.cost);
}
function letters(ctx, text, x, y, ratio, halo = false) {
  const left = Math.round(x * ratio) / ratio;
  const base = Math.round(y * ratio) / ratio;
  ctx.textAlign = "left";
  if (halo) ctx.strokeText(text, left, base);
  ctx.fillText(text, left, base);
}
function named(key) {
  return (key.split("/").pop() ?? key).replace(/_/g, " ");
}

// src/hover.ts
var Crosshair = class {
  listeners = /* @__PURE__ */ new Set();
  pointed = null;
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  point(pointed) {
    this.pointed = pointed;
    for (const listener of this.listeners) listener(pointed);
  }
};
function groupOf(stage, noun) {
  return stage.xAxis.quantity || `${noun}/${stage.xAxis.name}`;
}
var NEAR = 20;
function nearestDot(stage, x, y) {
  let best = null;
  let distance = NEAR;
  for (const trace of stage.traces) {
    if (trace.role !== "dots") continue;
    for (let i = 0; i < trace.px.length; i++) {
      const d = Math.hypot(trace.px[i] - x, trace.py[i] - y);
      if (d < distance) {
        distance = d;
        best = { trace, index: i };
      }
    }
  }
  return best;
}
function pointAt(picture, noun, x, y) {
  for (const stage of picture.stages) {
    const { left, right, top, bottom } = stage.box;
    if (x < left - 4 || x > right + 4 || y < top - 8 || y > bottom + 8) continue;
    if (stage.traces.some((trace) => trace.role === "dots")) {
      const dot = nearestDot(stage, x, y);
      if (dot === null) return null;
      return { group: dot.trace.valueName === "step" ? "step" : noun, value: dot.trace.value[dot.index], from: noun };
    }
    const value = stage.x.from(Math.min(right, Math.max(left, x)));
    return { group: groupOf(stage, noun), value, from: noun };
  }
  return null;
}
function nearestIndex(trace, px) {
  let best = -1;
  let distance = Infinity;
  for (let i = 0; i < trace.px.length; i++) {
    if (!Number.isFinite(trace.px[i])) continue;
    const d = Math.abs(trace.px[i] - px);
    if (d < distance) {
      distance = d;
      best = i;
    }
  }
  return best;
}
function drawCrosshair(ctx, picture, noun, pointed, tokens) {
  const rows = [];
  let title = "";
  let place2 = null;
  for (const stage of picture.stages) {
    const dots = stage.traces.filter((trace) => trace.role === "dots");
    if (dots.length > 0) {
      if (pointed.group !== "step" && pointed.group !== noun) continue;
      for (const trace of dots) {
        const at2 = dotOf(trace, pointed.value);
        if (at2 < 0) continue;
        ring(ctx, trace.px[at2], trace.py[at2], 6, tokens);
        place2 ??= { x: trace.px[at2], y: stage.box.top };
        title = title || `${trace.valueName ?? ""} ${sayValue(trace.value[at2], trace.valueName ?? "")}`.trim();
        rows.push({ name: short(stage.xAxis.name), value: number(stage.x.from(trace.px[at2]), 3), reference: false });
        rows.push({ name: short(stage.yAxis.name), value: number(stage.y.from(trace.py[at2])), reference: false });
      }
      rows.push(...references(stage, NaN));
      continue;
    }
    if (stage.rows.length > 0) {
      if (pointed.group === "step") {
        const row = nearestRow(stage, pointed.value);
        if (row !== null) {
          rule(ctx, stage.box.left, row.base, stage.box.right, row.base, tokens);
          title = title || `row of step ${count(row.step)}`;
          place2 ??= { x: stage.box.left, y: row.base + 6 };
        }
        continue;
      }
    }
    if (groupOf(stage, noun) !== pointed.group) continue;
    const x = stage.x.to(pointed.value);
    if (x < stage.box.left - 1 || x > stage.box.right + 1) continue;
    rule(ctx, crisp(x, stage.ratio), stage.box.top, crisp(x, stage.ratio), stage.box.bottom, tokens);
    place2 ??= { x, y: stage.box.top + 2 };
    if (stage.rows.length > 0) continue;
    for (const trace of stage.traces) {
      if (trace.role !== "data" || !trace.ordered) continue;
      const i = nearestIndex(trace, x);
      if (i < 0 || Math.abs(trace.px[i] - x) > NEAR) continue;
      const value = stage.y.from(trace.py[i]);
      if (pointed.group === "step" && title === "") title = `step ${count(stage.x.from(trace.px[i]))}`;
      rows.push({ name: trace.name, value: Number.isFinite(value) ? number(value) : "not finite", reference: false });
      if (Number.isFinite(trace.py[i])) ring(ctx, trace.px[i], trace.py[i], 3, tokens);
    }
    rows.push(...references(stage, x));
    if (title === "") title = `${stage.xAxis.quantity || short(stage.xAxis.name)} ${number(pointed.value)}`.trim();
  }
  return place2 === null ? null : { title, rows, ...place2 };
}
function references(stage, px) {
  const rows = [];
  for (const trace of stage.traces) {
    if (trace.role !== "reference" || !trace.readable) continue;
    const i = trace.px.length === 2 || Number.isNaN(px) ? 0 : nearestIndex(trace, px);
    if (i < 0 || !Number.isFinite(trace.py[i])) continue;
    rows.push({ name: trace.name, value: number(stage.y.from(trace.py[i])), reference: true });
  }
  return rows;
}
function dotOf(trace, value) {
  let best = -1;
  let distance = Infinity;
  trace.value.forEach((v, i) => {
    const d = Math.abs(v - value);
    if (d < distance && Number.isFinite(trace.px[i]) && Number.isFinite(trace.py[i])) {
      distance = d;
      best = i;
    }
  });
  return best;
}
function nearestRow(stage, step) {
  let best = null;
  for (const row of stage.rows) {
    if (best === null || Math.abs(row.step - step) < Math.abs(best.step - step)) best = row;
  }
  return best;
}
function sayValue(value, name) {
  return name.startsWith("step") ? count(value) : number(value);
}
function short(name) {
  return name.split(/[,;(]/)[0].trim();
}
function ring(ctx, x, y, radius, tokens) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.strokeStyle = tokens.ink;
  ctx.fillStyle = tokens.ground;
  ctx.lineWidth = 1.5;
  if (radius <= 3) ctx.fill();
  ctx.stroke();
}
function rule(ctx, x0, y0, x1, y1, tokens) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.strokeStyle = tokens.second;
  ctx.lineWidth = 0.75;
  ctx.setLineDash([]);
  ctx.stroke();
}
function fillReadout(node, { title, rows, x, y }, width2) {
  node.replaceChildren(h("b", {}, title));
  const list = h("dl", {});
  for (const row of rows) {
    const kind = { class: row.reference ? "vg-reference" : null };
    list.append(h("dt", kind, row.name), h("dd", kind, row.value));
  }
  if (rows.length > 0) node.append(list);
  node.hidden = false;
  const own = node.offsetWidth;
  const left = x + 10 + own <= width2 ? x + 10 : x - 10 - own;
  node.style.top = `${y}px`;
  node.style.left = `${Math.max(0, Math.min(width2 - own, left))}px`;
}

// src/states.ts
function cross() {
  return svg(
    "svg",
    { class: "vg-cross", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" },
    svg("path", { d: "M1 1l8 8M9 1l-8 8", fill: "none", "stroke-width": 2 })
  );
}
function stateNote(panel, state, drawError, last, showLast) {
  if (state === "loading") return loading(panel);
  if (state === "failed") return failed(panel, drawError, last, showLast);
  return [h("p", { class: "vg-note-text" }, panel.message || "Nothing measured yet.")];
}
function loading(panel) {
  const nodes = [h("p", { class: "vg-note-text" }, panel.message || "Loading.")];
  if (panel.progress !== null) {
    const [done, all] = panel.progress;
    const part = all > 0 ? Math.min(1, Math.max(0, done / all)) : 0;
    const bar = h("div", {
      class: "vg-bar",
      role: "progressbar",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(part * 100),
      "aria-label": `${panel.noun} loading`
    });
    const done_ = h("div", {});
    done_.style.width = `${(part * 100).toFixed(1)}%`;
    bar.append(done_);
    nodes.push(bar);
  }
  if (panel.after !== "") nodes.push(h("p", { class: "vg-small" }, panel.after));
  return nodes;
}
function sentence(text) {
  const trimmed = text.trim();
  return /[.?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
function failed(panel, drawError, last, showLast) {
  let cause;
  let after;
  if (drawError !== "") {
    const step = panel.step === null ? "this frame" : `step ${count(panel.step)}`;
    cause = `Failed: the picture of ${step} could not be drawn, since ${sentence(drawError)}`;
    after = "The run goes on, and so do the other panels. This one tries again with its next frame.";
  } else {
    const message = panel.message || "no cause was given";
    cause = sentence(/^failed/i.test(message) ? message : `Failed: ${message}`);
    after = panel.after;
  }
  if (last !== null && last.step !== null && !after.includes("last good")) {
    after = `${after} The last good picture is from step ${count(last.step)}.`.trim();
  }
  const nodes = [h("p", { class: "vg-note-text vg-failed" }, cross(), h("span", {}, cause))];
  if (after !== "") nodes.push(h("p", { class: "vg-small" }, after));
  if (last !== null) {
    const button = h("button", { type: "button", class: "vg-button" }, "Show last good picture");
    button.addEventListener("click", showLast);
    nodes.push(h("p", {}, button));
  }
  return nodes;
}

// src/notices.ts
var WORDS = { note: "Note", warning: "Warning", failure: "Failure" };
function line(notice) {
  const since = notice.step === null ? ": " : ` since step ${count(notice.step)}: `;
  const nodes = [];
  if (notice.severity === "warning") nodes.push(triangle());
  if (notice.severity === "failure") nodes.push(cross());
  nodes.push(h("span", { class: "vg-severity" }, WORDS[notice.severity]), document.createTextNode(since + notice.text));
  return nodes;
}
var NoticesView = class {
  node;
  first = h("p", {});
  rest = h("ul", { hidden: true });
  more = h("button", { type: "button", class: "vg-button", "aria-expanded": "false" });
  said = "";
  constructor() {
    const words = h("div", { class: "vg-notice-words", role: "status", "aria-live": "polite" }, this.first, this.rest);
    this.node = h("div", { class: "vg-notices", hidden: true }, words, this.more);
    this.more.addEventListener("click", () => {
      this.rest.hidden = !this.rest.hidden;
      this.writeMore(this.rest.childElementCount);
    });
  }
  update(notices) {
    const said = JSON.stringify(notices);
    if (said === this.said) return;
    this.said = said;
    const [worst, ...others] = notices;
    show(this.node, worst !== void 0);
    if (worst === void 0) {
      this.first.replaceChildren();
      return;
    }
    setAttribute(this.node, "data-severity", worst.severity);
    this.first.replaceChildren(...line(worst));
    this.rest.replaceChildren(
      ...others.map((notice) => h("li", { "data-severity": notice.severity }, ...line(notice)))
    );
    if (others.length === 0) this.rest.hidden = true;
    this.writeMore(others.length);
  }
  writeMore(others) {
    show(this.more, others > 0);
    setText(this.more, this.rest.hidden ? `${others} more` : "Show one");
    setAttribute(this.more, "aria-expanded", String(!this.rest.hidden));
  }
};

// src/theme.ts
var NAMES = {
  ground: "--vg-ground",
  ink: "--vg-ink",
  second: "--vg-second",
  third: "--vg-third",
  hairline: "--vg-hairline",
  rule: "--vg-rule",
  action: "--vg-action",
  positive: "--vg-positive",
  positiveText: "--vg-positive-text",
  negative: "--vg-negative",
  negativeText: "--vg-negative-text",
  warning: "--vg-warning",
  reference: "--vg-reference",
  ghost: "--vg-ghost"
};
function pageIsDark() {
  const jupyter = document.body.dataset["jpThemeLight"];
  if (jupyter !== void 0) return jupyter === "false";
  const chosen = document.documentElement.dataset["theme"] ?? document.body.dataset["theme"];
  if (chosen !== void 0) return chosen === "dark";
  if (document.body.classList.contains("vscode-dark")) return true;
  if (document.body.classList.contains("vscode-light")) return false;
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}
function readTokens(root) {
  const dark = pageIsDark();
  root.dataset["scheme"] = dark ? "dark" : "light";
  const style = getComputedStyle(root);
  const tokens = { dark, font: style.fontFamily };
  for (const [name, variable] of Object.entries(NAMES)) {
    tokens[name] = style.getPropertyValue(variable).trim() || (dark ? "#e8eaec" : "#15181b");
  }
  return tokens;
}
function watchTheme(changed) {
  const observer = new MutationObserver(changed);
  const filter = ["data-jp-theme-light", "data-jp-theme-name", "data-theme", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter: filter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: filter });
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", changed);
  };
}
var DASHES = {
  solid: [],
  chance: [6, 4],
  floor: [1, 3],
  negative: [5, 3]
};
function stroke(color, tokens) {
  return tokens[color];
}
function wordColor(color, tokens) {
  if (color === "positive") return tokens.positiveText;
  if (color === "negative") return tokens.negativeText;
  return color === "ink" ? tokens.ink : tokens.second;
}
var VIRIDIS = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37]
];
var DARK_START = 0.15;
function viridis(part, dark) {
  const inside2 = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
  const place2 = (dark ? DARK_START + (1 - DARK_START) * inside2 : inside2) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(place2));
  const a = VIRIDIS[i];
  const b = VIRIDIS[i + 1];
  const mix = (k) => Math.round(a[k] + (b[k] - a[k]) * (place2 - i));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}

// src/page.ts
var Page = class {
  constructor(root, events) {
    this.events = events;
    let width2 = -1;
    const sizes = new ResizeObserver(() => {
      if (root.clientWidth === width2) return;
      width2 = root.clientWidth;
      events.resized();
    });
    sizes.observe(root);
    const seen2 = new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1]?.isIntersecting ?? true;
      this.look();
    });
    seen2.observe(root);
    const look = () => this.look();
    const zoomed = () => events.resized();
    document.addEventListener("visibilitychange", look);
    window.addEventListener("resize", zoomed);
    document.fonts?.ready.then(() => this.cleaning.length > 0 ? events.resized() : void 0).catch(() => void 0);
    const clock = setInterval(() => this.hidden ? void 0 : events.everySecond(), 1e3);
    this.cleaning.push(
      () => sizes.disconnect(),
      () => seen2.disconnect(),
      () => document.removeEventListener("visibilitychange", look),
      () => window.removeEventListener("resize", zoomed),
      () => clearInterval(clock),
      watchTheme(() => events.themed())
    );
  }
  hidden = document.hidden;
  onScreen = true;
  cleaning = [];
  look() {
    const hidden = document.hidden || !this.onScreen;
    if (hidden === this.hidden) return;
    this.hidden = hidden;
    this.events.hidden(hidden);
  }
  dispose() {
    for (const clean of this.cleaning.splice(0)) clean();
  }
};

// src/labels.ts
function meets(a, b, gap = 0) {
  return a.left < b.right + gap && b.left < a.right + gap && a.top < b.bottom + gap && b.top < a.bottom + gap;
}
var CELL = 2;
var Ink = class {
  constructor(bounds) {
    this.bounds = bounds;
    this.columns = Math.max(1, Math.ceil((bounds.right - bounds.left) / CELL));
    this.rows = Math.max(1, Math.ceil((bounds.bottom - bounds.top) / CELL));
    this.cells = new Float32Array(this.columns * this.rows);
  }
  columns;
  rows;
  cells;
  sums = null;
  mark(x, y, weight) {
    const column = Math.floor((x - this.bounds.left) / CELL);
    const row = Math.floor((y - this.bounds.top) / CELL);
    if (column < 0 || row < 0 || column >= this.columns || row >= this.rows) return;
    const i = row * this.columns + column;
    if (this.cells[i] < weight) this.cells[i] = weight;
  }
  segment(x0, y0, x1, y1, weight = 1) {
    const { left, right, top, bottom } = this.bounds;
    if (Math.max(x0, x1) < left || Math.min(x0, x1) > right || Math.max(y0, y1) < top || Math.min(y0, y1) > bottom) return;
    const steps = Math.min(2e3, Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0)) / CELL) + 1);
    for (let i = 0; i <= steps; i++) {
      this.mark(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps, weight);
    }
    this.sums = null;
  }
  disc(x, y, radius, weight = 1) {
    for (let dy = -radius; dy <= radius; dy += CELL) {
      for (let dx = -radius; dx <= radius; dx += CELL) this.mark(x + dx, y + dy, weight);
    }
    this.sums = null;
  }
  table() {
    if (this.sums !== null) return this.sums;
    const width2 = this.columns + 1;
    const sums = new Float64Array(width2 * (this.rows + 1));
    for (let r = 0; r < this.rows; r++) {
      let row = 0;
      for (let c = 0; c < this.columns; c++) {
        row += this.cells[r * this.columns + c];
        sums[(r + 1) * width2 + c + 1] = sums[r * width2 + c + 1] + row;
      }
    }
    this.sums = sums;
    return sums;
  }
  /** How much ink lies under a box. */
  under(box) {
    const sums = this.table();
    const width2 = this.columns + 1;
    const column = (x) => Math.min(this.columns, Math.max(0, x));
    const row = (y) => Math.min(this.rows, Math.max(0, y));
    const c0 = column(Math.floor((box.left - this.bounds.left) / CELL));
    const c1 = column(Math.ceil((box.right - this.bounds.left) / CELL));
    const r0 = row(Math.floor((box.top - this.bounds.top) / CELL));
    const r1 = row(Math.ceil((box.bottom - this.bounds.top) / CELL));
    if (c1 <= c0 || r1 <= r0) return 0;
    return sums[r1 * width2 + c1] - sums[r0 * width2 + c1] - sums[r1 * width2 + c0] + sums[r0 * width2 + c0];
  }
};
var WORDS_APART = 3;
var INK_COST = 30;
var WORD_COST = 5e3;
var PIXEL_COST = 0.12;
var INERTIA = 8;
var STRIDE = 3;
var ROUNDS = 4;
var UNLUCKY = 9;
var GRAZE = 25;
function boxAt(place2, request) {
  return { left: place2.left, top: place2.top, right: place2.left + request.width, bottom: place2.top + request.height };
}
function inside(place2, request, bounds) {
  return {
    left: Math.max(bounds.left, Math.min(bounds.right - request.width, place2.left)),
    top: Math.max(bounds.top, Math.min(bounds.bottom - request.height, place2.top)),
    cost: place2.cost
  };
}
function letters2(box) {
  return { left: box.left - 1, top: box.top + 2, right: box.right + 1, bottom: box.bottom - 1 };
}
function crowding(box, ink, words) {
  let cost = INK_COST * ink.under(letters2(box));
  for (const word of words) if (meets(box, word, WORDS_APART)) cost += WORD_COST;
  return cost;
}
function settle(request, bounds, ink, words, memory) {
  const liked = request.places[0];
  if (liked === void 0) return null;
  const before = memory.get(request.id);
  let best = null;
  const weigh = (candidate) => {
    const box = boxAt(candidate, request);
    const crowded = crowding(box, ink, words);
    const near = before !== void 0 && Math.hypot(candidate.left - before.left, candidate.top - before.top) < 6;
    const cost = crowded + candidate.cost - (near ? INERTIA : 0);
    if (best === null || cost < best.cost) best = { request, box, crowded, cost };
  };
  for (const candidate of request.places) weigh(inside(candidate, request, bounds));
  if (best !== null && best.crowded > 0) {
    const home = inside(liked, request, bounds);
    const dearest = Math.max(...request.places.map((candidate) => candidate.cost));
    const lowest = bounds.bottom - request.height;
    const rightmost = bounds.right - request.width;
    for (let top = bounds.top; top <= lowest; top += STRIDE) {
      for (let left = bounds.left; left <= rightmost; left += STRIDE) {
        weigh({ left, top, cost: dearest + PIXEL_COST * Math.hypot(left - home.left, 2 * (top - home.top)) });
      }
    }
  }
  return best;
}
function place(requests, bounds, ink, memory, taken = []) {
  let order = requests.map((request, i) => ({ request, i })).sort((a, b) => b.request.rank - a.request.rank || a.i - b.i);
  let best = [];
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const words = [...taken];
    const found = [];
    for (const { request } of order) {
      const one = settle(request, bounds, ink, words, memory);
      if (one === null) continue;
      words.push(one.box);
      found.push(one);
    }
    const total = found.reduce((sum, one) => sum + one.cost, 0);
    if (total < least) {
      best = found;
      least = total;
    }
    const unlucky = new Set(found.filter((one) => one.cost > UNLUCKY).map((one) => one.request.id));
    if (unlucky.size === 0) break;
    order = [...order.filter((o) => unlucky.has(o.request.id)), ...order.filter((o) => !unlucky.has(o.request.id))];
  }
  for (const { request, box } of best) memory.set(request.id, { left: box.left, top: box.top });
  return best.map(({ request, box, crowded }) => ({ id: request.id, box, clear: crowded < GRAZE }));
}

// src/pen/axes.ts
var NAME_ROW = 17;
var BARE_ROW = 9;
var TICK_ROW = 18;
var X_NAME_ROW = 13;
var HIDDEN_X_ROW = 3;
var AXIS_DROP = 3;
var LEAST_GUTTER = 24;
var RIGHT = 5;
function tickLabels(axis) {
  return axis.tick_labels ?? axis.ticks.map(tick);
}
function hasRidge(plot) {
  return plot.layers.some((layer) => layer.type === "ridge");
}
function layPlots(plots, width2, height, measure) {
  let gutter = LEAST_GUTTER;
  for (const plot of plots) {
    for (const label of tickLabels(plot.y)) gutter = Math.max(gutter, Math.ceil(measure(label)) + 9);
  }
  const rows = plots.map((plot) => ({
    top: plot.y.name === "" ? BARE_ROW : NAME_ROW,
    bottom: plot.show_x ? TICK_ROW + AXIS_DROP + (plot.x.name === "" ? 0 : X_NAME_ROW) : HIDDEN_X_ROW
  }));
  const free = Math.max(20, height - rows.reduce((sum, row) => sum + row.top + row.bottom, 0));
  const shares = plots.reduce((sum, plot) => sum + plot.share, 0) || 1;
  let y = 0;
  return plots.map((plot, i) => {
    const row = rows[i];
    const top = y + row.top;
    const bottom = top + free * plot.share / shares;
    y = bottom + row.bottom;
    return { left: gutter, top, right: width2 - RIGHT, bottom };
  });
}
function drawAxes(stage, plot) {
  const { ctx, tokens } = stage;
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineWidth = 1;
  ctx.font = font(tokens);
  ctx.fillStyle = tokens.second;
  drawY(stage, plot);
  drawX(stage, plot);
  ctx.restore();
}
function strokeLine(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
function drawY(stage, plot) {
  const { ctx, box, tokens, ratio } = stage;
  if (plot.y.name !== "") {
    letters(ctx, plot.y.name, 0, box.top - 7, ratio);
  }
  const rows = hasRidge(plot);
  const x = crisp(box.left, ratio);
  ctx.strokeStyle = tokens.rule;
  if (!rows) strokeLine(ctx, x, box.top, x, box.bottom);
  const labels = tickLabels(plot.y);
  const named2 = plot.y.ticks.map((value, i) => ({ at: stage.y.to(value), label: labels[i] ?? "" })).filter((t) => t.label !== "");
  const places = named2.map((t) => t.at);
  for (const spot of layTicks(places, places.map(() => SMALL), box.top - 7, box.bottom + 7, 1)) {
    const y = crisp(spot.at, ratio);
    if (!rows) strokeLine(ctx, x - 3, y, x, y);
    const { label } = named2[spot.index];
    letters(ctx, label, box.left - 6 - stage.measure(label), spot.from + SMALL - 1.5, ratio);
  }
  if (!rows && plot.y.scale === "linear" && plot.y.low < 0 && plot.y.high > 0) {
    const zero = crisp(stage.y.to(0), ratio);
    ctx.strokeStyle = tokens.hairline;
    strokeLine(ctx, box.left, zero, box.right, zero);
  }
}
function drawX(stage, plot) {
  const { ctx, box, tokens, ratio } = stage;
  const y = crisp(box.bottom + (plot.show_x ? AXIS_DROP : 0), ratio);
  ctx.strokeStyle = tokens.rule;
  if (plot.show_x || plot.y.low >= 0) strokeLine(ctx, box.left, y, box.right, y);
  if (!plot.show_x) return;
  const labels = tickLabels(plot.x);
  const places = plot.x.ticks.map((value) => stage.x.to(value));
  const sizes = labels.map((label) => stage.measure(label));
  for (const spot of layTicks(places, sizes, box.left - 8, box.right + RIGHT, 8)) {
    const x = crisp(spot.at, ratio);
    strokeLine(ctx, x, y, x, y + 3);
    letters(ctx, labels[spot.index] ?? "", spot.from, y + 14, ratio);
  }
  if (plot.x.name !== "") {
    const width2 = stage.measure(plot.x.name);
    const middle = (box.left + box.right) / 2;
    const left = Math.min(box.right + RIGHT - width2, Math.max(0, middle - width2 / 2));
    letters(ctx, plot.x.name, left, y + 27, ratio);
  }
}

// src/pen/guides.ts
var drawRule = (stage, layer, index) => {
  const { ctx, box, tokens } = stage;
  const exact = stage.y.to(layer.y);
  if (!Number.isFinite(exact)) return;
  const beyond = exact < box.top - 0.5 || exact > box.bottom + 0.5;
  if (!beyond) {
    const y2 = crisp(exact, stage.ratio);
    ctx.save();
    ctx.strokeStyle = tokens.reference;
    ctx.lineWidth = layer.dash === "floor" ? 1.5 : 1.25;
    ctx.lineCap = layer.dash === "floor" ? "round" : "butt";
    ctx.setLineDash(DASHES[layer.dash]);
    ctx.beginPath();
    ctx.moveTo(box.left, y2);
    ctx.lineTo(box.right, y2);
    ctx.stroke();
    ctx.restore();
    stage.ink.segment(box.left, y2, box.right, y2);
  } else {
    stage.beyond += 1;
  }
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "reference",
    color: tokens.reference,
    px: Float64Array.of(box.left, box.right),
    py: Float64Array.of(exact, exact),
    ordered: true,
    readable: true
  });
  if (layer.label === "") return;
  const width2 = stage.measure(layer.label);
  const y = Math.min(box.bottom, Math.max(box.top, exact));
  const places = [];
  for (let k = 0; k <= 10; k++) {
    const shift = (box.right - box.left - width2) * k / 10;
    const left = layer.side === "right" ? box.right - width2 - shift : box.left + 6 + shift;
    const above = { left, top: y - LINE - 2, cost: k * 0.8 + (layer.below ? 2 : 0) };
    const below = { left, top: y + 3, cost: k * 0.8 + (layer.below ? 0 : 2) };
    places.push(above, below);
  }
  places.sort((a, b) => a.cost - b.cost);
  stage.words.push({
    id: `${stage.key}/rule/${layer.key}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width: width2,
    height: LINE,
    places,
    rank: 80 - index / 10,
    tie: null
  });
};
var drawMark = (stage, layer, index) => {
  const { ctx, box, tokens } = stage;
  const exact = stage.x.to(layer.x);
  if (!Number.isFinite(exact)) return;
  if (exact < box.left - 0.5 || exact > box.right + 0.5) {
    stage.beyond += 1;
    return;
  }
  const x = crisp(exact, stage.ratio);
  const trouble = layer.kind === "trouble";
  ctx.save();
  if (!trouble) {
    ctx.setLineDash([]);
    ctx.strokeStyle = tokens.rule;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, box.top);
    ctx.lineTo(x, box.bottom);
    ctx.stroke();
  } else {
    ctx.fillStyle = tokens.warning;
    ctx.beginPath();
    ctx.moveTo(x, box.bottom - 8);
    ctx.lineTo(x + 5, box.bottom);
    ctx.lineTo(x - 5, box.bottom);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
  if (trouble) stage.ink.disc(x, box.bottom - 4, 5);
  else stage.ink.segment(x, box.top, x, box.bottom, HAIRLINE);
  stage.traces.push({
    key: `mark/${layer.x}`,
    name: layer.label,
    role: "reference",
    color: tokens.rule,
    px: Float64Array.of(exact, exact),
    py: Float64Array.of(box.top, box.bottom),
    ordered: true,
    readable: false
  });
  if (layer.label === "") return;
  const width2 = stage.measure(layer.label);
  const places = [];
  const late = layer.label_y === null ? exact - box.left > 0.66 * (box.right - box.left) : layer.anchor === "end";
  if (layer.label_y !== null) {
    const top = stage.y.to(layer.label_y) - LINE / 2;
    places.push({ left: late ? x - 5 - width2 : x + 5, top, cost: -1 });
  }
  for (let k = 0; k < 8; k++) {
    const top = box.top + 6 + k * (LINE + 3);
    if (top + LINE > box.bottom) break;
    places.push({ left: x + 5, top, cost: k + (late ? 1.5 : 0) });
    places.push({ left: x - 5 - width2, top, cost: k + (late ? 0 : 1.5) });
  }
  stage.words.push({
    id: `${stage.key}/mark/${layer.x}/${index}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width: width2,
    height: LINE,
    places: places.sort((a, b) => a.cost - b.cost),
    rank: 65 - index / 10,
    tie: null
  });
};
var drawLabel = (stage, layer, index) => {
  const x = stage.x.to(layer.x);
  const y = stage.y.to(layer.y);
  if (!Number.isFinite(x) || !Number.isFinite(y) || layer.text === "") return;
  const width2 = stage.measure(layer.text, layer.bold);
  const left = layer.anchor === "start" ? x : layer.anchor === "end" ? x - width2 : x - width2 / 2;
  const places = [{ left, top: y - LINE / 2, cost: 0 }];
  for (const near of around(x, y, width2, 7, layer.anchor)) places.push({ ...near, cost: near.cost + 1 });
  stage.words.push({
    id: `${stage.key}/label/${index}`,
    text: layer.text,
    color: wordColor(layer.color, stage.tokens),
    bold: layer.bold,
    width: width2,
    height: LINE,
    places,
    rank: (layer.bold ? 75 : 70) - index / 10,
    tie: null
  });
};

// src/spec.ts
function at(values, i) {
  const value = values[i];
  return typeof value === "number" ? value : NaN;
}
function rowsOf(array) {
  if (Array.isArray(array)) return array;
  const [count2, length] = array.shape;
  const rows = [];
  for (let r = 0; r < count2; r++) {
    const from = r * length;
    rows.push(
      Array.isArray(array.data) ? array.data.slice(from, from + length) : array.data.subarray(from, from + length)
    );
  }
  return rows;
}

// src/pen/histogram.ts
function fillUnder(stage, path, parts, color, name) {
  const { ctx, box } = stage;
  const floor = Math.min(box.bottom, Math.max(box.top, stage.y.to(Math.max(0, stage.y.low))));
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.clip();
  ctx.globalAlpha = name === "positive" || name === "negative" ? 0.16 : 0.06;
  ctx.fillStyle = color;
  ctx.beginPath();
  for (const [from, to] of parts) {
    ctx.moveTo(path.px[from], floor);
    for (let i = from; i < to; i++) ctx.lineTo(path.px[i], path.py[i]);
    ctx.lineTo(path.px[to - 1], floor);
    ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}
function heightAt(path, x) {
  const n = path.px.length;
  if (n === 0) return NaN;
  if (x <= path.px[0]) return path.py[0];
  for (let i = 1; i < n; i++) {
    if (path.px[i] < x) continue;
    const span = path.px[i] - path.px[i - 1];
    const part = span > 0 ? (x - path.px[i - 1]) / span : 1;
    return path.py[i - 1] + part * (path.py[i] - path.py[i - 1]);
  }
  return path.py[n - 1];
}
function tintTo(stage, path, parts, other) {
  const { ctx, box, tokens } = stage;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.clip();
  ctx.globalAlpha = tokens.dark ? 0.07 : 0.045;
  ctx.fillStyle = tokens.ink;
  ctx.beginPath();
  for (const [from, to] of parts) {
    const left = path.px[from];
    const right = path.px[to - 1];
    ctx.moveTo(left, path.py[from]);
    for (let i = from + 1; i < to; i++) ctx.lineTo(path.px[i], path.py[i]);
    ctx.lineTo(right, heightAt(other, right));
    for (let i = other.px.length - 1; i >= 0; i--) {
      if (other.px[i] > left && other.px[i] < right) ctx.lineTo(other.px[i], other.py[i]);
    }
    ctx.lineTo(left, heightAt(other, left));
    ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}

// src/pen/thin.ts
var POINTS_A_PIXEL = 4;
function thinned(px, py, width2) {
  const n = px.length;
  const columns = Math.max(1, Math.ceil(width2));
  if (n <= columns * POINTS_A_PIXEL) return { px, py };
  const keep = [];
  let i = 0;
  while (i < n) {
    const column = Math.floor(px[i]);
    const group = [];
    let low = -1;
    let high = -1;
    const first = i;
    while (i < n && Math.floor(px[i]) === column) {
      const y = py[i];
      if (Number.isNaN(y)) group.push(i);
      else {
        if (low < 0 || y < py[low]) low = i;
        if (high < 0 || y > py[high]) high = i;
      }
      i += 1;
    }
    if (i === first) {
      keep.push(i);
      i += 1;
      continue;
    }
    group.push(first, i - 1);
    if (low >= 0) group.push(low, high);
    keep.push(...[...new Set(group)].sort((a, b) => a - b));
  }
  return { px: Float64Array.from(keep, (k) => px[k]), py: Float64Array.from(keep, (k) => py[k]) };
}

// src/pen/line.ts
var FAINT = 0.35;
var MOST_SIGNS = 12;
function pathOf(stage, layer) {
  const n = Math.min(layer.x.length, layer.y.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    px[i] = stage.x.to(at(layer.x, i));
    py[i] = stage.y.to(at(layer.y, i));
  }
  return thinned(px, py, stage.box.right - stage.box.left);
}
function runs(path) {
  const found = [];
  let from = -1;
  for (let i = 0; i <= path.px.length; i++) {
    const solid = i < path.px.length && Number.isFinite(path.px[i]) && Number.isFinite(path.py[i]);
    if (solid && from < 0) from = i;
    if (!solid && from >= 0) {
      found.push([from, i]);
      from = -1;
    }
  }
  return found;
}
function isOrdered(px) {
  let last = -Infinity;
  for (const x of px) {
    if (x < last) return false;
    if (Number.isFinite(x)) last = x;
  }
  return true;
}
var drawLine = (stage, layer, index) => {
  const { ctx, tokens, box } = stage;
  const path = pathOf(stage, layer);
  const parts = runs(path);
  const color = stroke(layer.color, tokens);
  if (layer.fill) fillUnder(stage, path, parts, color, layer.color);
  const other = stage.layers.find((one) => one.type === "line" && one.key === layer.fill_to);
  if (layer.fill_to !== "" && other?.type === "line") tintTo(stage, path, parts, pathOf(stage, other));
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left - 1, box.top - 1, box.right - box.left + 2, box.bottom - box.top + 2);
  ctx.clip();
  ctx.globalAlpha = layer.opacity;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = layer.width;
  ctx.lineJoin = "round";
  ctx.lineCap = layer.dash === "floor" ? "round" : "butt";
  ctx.setLineDash(DASHES[layer.dash]);
  ctx.beginPath();
  const weight = layer.color === "rule" && layer.width < 1 ? HAIRLINE : layer.opacity < FAINT ? 0.3 : 1;
  for (const [from, to] of parts) {
    if (to - from === 1) {
      ctx.moveTo(path.px[from] + layer.width / 2, path.py[from]);
      ctx.arc(path.px[from], path.py[from], layer.width / 2, 0, 2 * Math.PI);
      stage.ink.disc(path.px[from], path.py[from], 1, weight);
      continue;
    }
    ctx.moveTo(path.px[from], path.py[from]);
    for (let i = from + 1; i < to; i++) {
      ctx.lineTo(path.px[i], path.py[i]);
      stage.ink.segment(path.px[i - 1], path.py[i - 1], path.px[i], path.py[i], weight);
    }
  }
  ctx.stroke();
  ctx.restore();
  markBeyond(stage, path, color);
  const last = parts[parts.length - 1];
  if (layer.end_dot && last !== void 0) {
    const x = path.px[last[1] - 1];
    const y = Math.min(box.bottom, Math.max(box.top, path.py[last[1] - 1]));
    ctx.beginPath();
    ctx.arc(x, y, 3.5, 0, 2 * Math.PI);
    ctx.fillStyle = color;
    ctx.fill();
    stage.ink.disc(x, y, 5);
  }
  const ordered = isOrdered(path.px);
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: layer.color === "reference" || layer.color === "rule" ? "reference" : "data",
    color,
    px: path.px,
    py: path.py,
    ordered,
    readable: ordered && layer.color !== "rule"
  });
  if (layer.label !== "" && last !== void 0) {
    const width2 = stage.measure(layer.label);
    stage.words.push({
      id: `${stage.key}/line/${layer.key}`,
      text: layer.label,
      color: wordColor(layer.color, tokens),
      bold: false,
      width: width2,
      height: LINE,
      places: layer.fill ? peakPlaces(path, width2) : alongPlaces(stage, path, width2),
      rank: 50 - index / 10,
      tie: null
    });
  }
};
function markBeyond(stage, path, color) {
  const { ctx, box } = stage;
  const side = (i) => {
    const y = path.py[i];
    return y < box.top - 0.5 ? -1 : y > box.bottom + 0.5 ? 1 : 0;
  };
  let marks = 0;
  for (let i = 0; i < path.px.length && marks < MOST_SIGNS; i++) {
    const out = side(i);
    if (out === 0) continue;
    const from = i;
    while (i + 1 < path.px.length && side(i + 1) === out) i += 1;
    marks += 1;
    const x = (path.px[from] + path.px[i]) / 2;
    const edge = out < 0 ? box.top : box.bottom;
    ctx.beginPath();
    ctx.moveTo(x - 3.5, edge - out * 5);
    ctx.lineTo(x, edge);
    ctx.lineTo(x + 3.5, edge - out * 5);
    ctx.strokeStyle = color;
    ctx.lineWidth = 1.25;
    ctx.setLineDash([]);
    ctx.stroke();
  }
}
function alongPlaces(stage, path, width2) {
  const places = [];
  const finite = [];
  for (let i = 0; i < path.px.length; i++) if (Number.isFinite(path.py[i]) && Number.isFinite(path.px[i])) finite.push(i);
  const from = Math.min(...finite.map((i) => path.px[i]));
  const to = Math.max(...finite.map((i) => path.px[i]));
  for (let k = 0; k <= 12; k++) {
    const right = Math.min(stage.box.right, to) - (to - from) * k / 12;
    const left = Math.max(stage.box.left, right - width2);
    let high = Infinity;
    let low = -Infinity;
    for (const i of finite) {
      const x = path.px[i];
      if (x < left - 3 || x > left + width2 + 3) continue;
      high = Math.min(high, path.py[i]);
      low = Math.max(low, path.py[i]);
    }
    if (high === Infinity) continue;
    const steep = (low - high) * 0.25;
    places.push({ left, top: high - LINE - 3, cost: k + steep });
    places.push({ left, top: low + 3, cost: k + steep + 0.5 });
  }
  return places.sort((a, b) => a.cost - b.cost);
}
function peakPlaces(path, width2) {
  let top = 0;
  for (let i = 1; i < path.py.length; i++) if (path.py[i] < path.py[top]) top = i;
  const x = path.px[top];
  const y = path.py[top];
  const side = (sign, drop) => {
    let i = top;
    while (i > 0 && i < path.px.length - 1 && path.py[i] < y + drop + LINE) i += sign;
    const edge = path.px[i];
    return { left: sign < 0 ? edge - 8 - width2 : edge + 8, top: y + drop, cost: 2 + drop / 6 };
  };
  return [
    { left: x - width2 / 2, top: y - LINE - 3, cost: 0 },
    side(-1, 2),
    side(1, 2),
    side(-1, 10),
    side(1, 10),
    side(-1, 20),
    side(1, 20)
  ];
}

// src/pen/measures.ts
function freeHeight(stage, layer, left, right, width2) {
  const { box } = stage;
  const wanted = stage.y.to(layer.y);
  const half = LINE / 2 + 1;
  const free = (y) => [left - 6 - width2, left - 4].some((from) => {
    const to = from === left - 4 ? right + 6 + width2 : right + 4;
    if (from < box.left || to > box.right) return false;
    return stage.ink.under({ left: from, right: to, top: y - half, bottom: y + half }) === 0;
  });
  let best = wanted;
  let least = Infinity;
  for (let y = box.top + half; y <= box.bottom - half; y += 3) {
    const away = Math.abs(y - wanted);
    if (away < least && free(y)) {
      best = y;
      least = away;
    }
  }
  return free(wanted) ? wanted : best;
}
var drawSpan = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const left = Math.max(box.left, stage.x.to(layer.low));
  const right = Math.min(box.right, stage.x.to(layer.high));
  const mid = stage.x.to(layer.mid);
  const width2 = stage.measure(layer.label);
  const y = crisp(freeHeight(stage, layer, left, right, width2), stage.ratio);
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.reference;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(right, y);
  ctx.stroke();
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(mid, y - 3.5);
  ctx.lineTo(mid, y + 3.5);
  ctx.stroke();
  ctx.restore();
  stage.ink.segment(left, y, right, y);
  stage.ink.segment(mid, y - 4, mid, y + 4);
  stage.traces.push({
    key: layer.key,
    name: layer.label,
    role: "reference",
    color: tokens.reference,
    px: Float64Array.of(stage.x.to(layer.low), mid, stage.x.to(layer.high)),
    py: Float64Array.of(y, y, y),
    ordered: true,
    readable: false
  });
  if (layer.label === "") return;
  stage.words.push({
    id: `${stage.key}/span/${layer.key}`,
    text: layer.label,
    color: tokens.second,
    bold: false,
    width: width2,
    height: LINE,
    places: [
      { left: left - 6 - width2, top: y - LINE / 2, cost: layer.side === "left" ? 0 : 1 },
      { left: right + 6, top: y - LINE / 2, cost: layer.side === "right" ? 0 : 1 },
      { left: mid - width2 / 2, top: y - LINE - 5, cost: 2 },
      { left: mid - width2 / 2, top: y + 6, cost: 2.5 }
    ].sort((a, b) => a.cost - b.cost),
    rank: 72,
    tie: null
  });
};
var drawBracket = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const exact = stage.x.to(layer.x);
  const low = stage.y.to(layer.low);
  const high = stage.y.to(layer.high);
  if (!Number.isFinite(exact) || !Number.isFinite(low) || !Number.isFinite(high)) return;
  const x = crisp(exact, stage.ratio);
  const inside2 = (y) => Math.min(box.bottom, Math.max(box.top, y));
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x, inside2(low));
  ctx.lineTo(x, inside2(high));
  ctx.moveTo(x - 3, inside2(low));
  ctx.lineTo(x + 3, inside2(low));
  ctx.stroke();
  ctx.restore();
  stage.ink.segment(x, inside2(low), x, inside2(high));
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "reference",
    color: tokens.ink,
    px: Float64Array.of(exact, exact),
    py: Float64Array.of(low, high),
    ordered: true,
    readable: false
  });
  if (layer.label === "") return;
  const width2 = stage.measure(layer.label, true);
  const asked = layer.label_y == null ? NaN : stage.y.to(layer.label_y);
  const middle = (Number.isFinite(asked) ? asked : (inside2(low) + inside2(high)) / 2) - LINE / 2;
  stage.words.push({
    id: `${stage.key}/bracket/${layer.key}`,
    text: layer.label,
    color: tokens.ink,
    bold: true,
    width: width2,
    height: LINE,
    places: [
      { left: x - 6 - width2, top: middle, cost: 0 },
      { left: x + 6, top: middle, cost: 1 },
      { left: x - 6 - width2, top: Math.max(low, high) - LINE - 3, cost: 2 },
      { left: x - 6 - width2, top: Math.min(low, high) + 3, cost: 2 }
    ],
    rank: 78,
    tie: null,
    optional: true
  });
};

// src/pen/ridge.ts
var VISIBLE = 4e-3;
function curve(stage, x, density, base, rise, peak) {
  const n = Math.min(x.length, density.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    px[i] = stage.x.to(at(x, i));
    py[i] = base - at(density, i) / peak * rise;
  }
  return { px, py };
}
function seen(path, base, rise) {
  let from = 0;
  let to = path.py.length - 1;
  const above = (i) => base - path.py[i] > VISIBLE * rise;
  while (from < to && !above(from)) from += 1;
  while (to > from && !above(to)) to -= 1;
  if (!above(from)) return null;
  return [Math.max(0, from - 1), Math.min(path.py.length - 1, to + 1)];
}
function outline(ctx, path, [from, to], top) {
  for (let i = from; i <= to; i++) {
    const y = Math.max(top, path.py[i]);
    if (i === from) ctx.moveTo(path.px[i], y);
    else ctx.lineTo(path.px[i], y);
  }
}
var drawRidge = (stage, layer) => {
  const { ctx, box, tokens, ratio } = stage;
  const positive = rowsOf(layer.positive);
  const negative = rowsOf(layer.negative);
  const n = layer.steps.length;
  if (n === 0) return;
  const rise = stage.y.to(0) - stage.y.to(layer.overlap);
  const peak = layer.peak > 0 ? layer.peak : 1;
  ctx.save();
  for (let r = 0; r < n; r++) {
    const base = stage.y.to(n - 1 - r);
    const line2 = crisp(base, ratio);
    stage.rows.push({ step: layer.steps[r], base });
    ctx.setLineDash([]);
    ctx.strokeStyle = tokens.hairline;
    ctx.lineWidth = 0.75;
    ctx.beginPath();
    ctx.moveTo(box.left, line2);
    ctx.lineTo(box.right, line2);
    ctx.stroke();
    const pair = [
      { rows: negative, color: tokens.negative, dash: [4, 2], name: "negative" },
      { rows: positive, color: tokens.positive, dash: [], name: "positive" }
    ];
    for (const { rows, color, dash, name } of pair) {
      const density = rows[r];
      if (density === void 0) continue;
      const path = curve(stage, layer.x, density, base, rise, peak);
      const part = seen(path, base, rise);
      if (part === null) continue;
      const ceiling = base - rise;
      ctx.beginPath();
      outline(ctx, path, part, ceiling);
      ctx.lineTo(path.px[part[1]], base);
      ctx.lineTo(path.px[part[0]], base);
      ctx.closePath();
      ctx.fillStyle = tokens.ground;
      ctx.globalAlpha = 0.62;
      ctx.fill();
      ctx.fillStyle = color;
      ctx.globalAlpha = 0.2;
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.beginPath();
      outline(ctx, path, part, ceiling);
      ctx.strokeStyle = color;
      ctx.lineWidth = 1;
      ctx.setLineDash(dash);
      ctx.stroke();
      for (let i = part[0] + 1; i <= part[1]; i++) {
        stage.ink.segment(path.px[i - 1], path.py[i - 1], path.px[i], path.py[i]);
      }
      stage.traces.push({
        key: `${layer.key}/${name}/${layer.steps[r]}`,
        name,
        role: "data",
        color,
        px: path.px,
        py: path.py,
        ordered: true,
        readable: false
      });
    }
  }
  ctx.restore();
};

// src/pen/scatter.ts
var KEY_BAR = 72;
function ends(layer) {
  const whole = layer.value_name.startsWith("step");
  const say = (v) => whole ? count(v) : number(v);
  return [`${layer.value_name} ${say(layer.value_low)}`.trim(), say(layer.value_high)];
}
var drawPoints = (stage, layer) => {
  const { ctx, tokens, box } = stage;
  const n = Math.min(layer.x.length, layer.y.length, layer.value.length);
  const px = new Float64Array(n);
  const py = new Float64Array(n);
  const value = new Float64Array(n);
  let last = -1;
  ctx.save();
  ctx.setLineDash([]);
  for (let i = 0; i < n; i++) {
    const x = stage.x.to(at(layer.x, i));
    const y = stage.y.to(at(layer.y, i));
    px[i] = x;
    py[i] = y;
    value[i] = at(layer.value, i);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    last = i;
    const shownX = Math.min(box.right, Math.max(box.left, x));
    const shownY = Math.min(box.bottom, Math.max(box.top, y));
    const outside = shownX !== x || shownY !== y;
    const color = viridis((value[i] - layer.value_low) / (layer.value_high - layer.value_low || 1), tokens.dark);
    ctx.beginPath();
    ctx.arc(shownX, shownY, layer.radius, 0, 2 * Math.PI);
    if (outside) {
      stage.beyond += 1;
      ctx.fillStyle = tokens.ground;
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.5;
      ctx.fill();
      ctx.stroke();
    } else {
      ctx.fillStyle = color;
      ctx.fill();
      ctx.globalAlpha = 0.55;
      ctx.strokeStyle = tokens.second;
      ctx.lineWidth = 0.75;
      ctx.stroke();
      ctx.globalAlpha = 1;
    }
    stage.ink.disc(shownX, shownY, layer.radius + 1);
  }
  ctx.restore();
  stage.traces.push({
    key: layer.key,
    name: named(layer.key),
    role: "dots",
    color: tokens.ink,
    px,
    py,
    value,
    valueName: layer.value_name,
    ordered: false,
    readable: true
  });
  if (layer.ring_last && last >= 0) ringNow(stage, layer, px[last], py[last]);
  addKey(stage, layer);
};
function ringNow(stage, layer, x, y) {
  const { ctx, tokens, box } = stage;
  const cx = Math.min(box.right, Math.max(box.left, x));
  const cy = Math.min(box.bottom, Math.max(box.top, y));
  ctx.beginPath();
  ctx.arc(cx, cy, 5.5, 0, 2 * Math.PI);
  ctx.strokeStyle = tokens.ink;
  ctx.lineWidth = 1.75;
  ctx.setLineDash([]);
  ctx.stroke();
  stage.ink.disc(cx, cy, 7);
  const width2 = stage.measure("now", true);
  stage.words.push({
    id: `${stage.key}/now`,
    text: "now",
    color: tokens.ink,
    bold: true,
    width: width2,
    height: LINE,
    places: [
      {
        left: layer.now_side === "left" ? cx - 9 - width2 : cx + 9,
        top: layer.now_below ? cy + 2 : cy - 2 - LINE,
        cost: 0
      },
      ...around(cx, cy, width2, 10, layer.now_side === "left" ? "end" : "start").map((p) => ({ ...p, cost: p.cost + 1 }))
    ],
    rank: 90,
    tie: { x: cx, y: cy }
  });
}
function addKey(stage, layer) {
  const { box, tokens } = stage;
  const [low, high] = ends(layer);
  const lowWidth = stage.measure(low);
  const width2 = lowWidth + 5 + KEY_BAR + 5 + stage.measure(high);
  const corner = (right, top, cost) => ({
    left: right ? box.right - width2 : box.left + 8,
    top: top ? box.top + 4 : box.bottom - LINE - 6,
    cost
  });
  const asked = [];
  if (layer.key_at !== null) {
    const [x, y] = layer.key_at;
    asked.push({ left: stage.x.to(x) - width2, top: stage.y.to(y) - LINE / 2, cost: -1 });
  }
  stage.words.push({
    id: `${stage.key}/key`,
    text: `${low} to ${high}`,
    color: tokens.second,
    bold: false,
    width: width2,
    height: LINE,
    places: [...asked, corner(true, true, 0), corner(true, false, 3), corner(false, true, 5), corner(false, false, 6)],
    rank: 20,
    tie: null,
    paint: (ctx, at_) => {
      ctx.font = font(tokens);
      ctx.fillStyle = tokens.second;
      letters(ctx, low, at_.left, at_.bottom - 3, stage.ratio);
      letters(ctx, high, at_.right - stage.measure(high), at_.bottom - 3, stage.ratio);
      const left = at_.left + lowWidth + 5;
      for (let i = 0; i < KEY_BAR; i++) {
        ctx.fillStyle = viridis(i / (KEY_BAR - 1), tokens.dark);
        ctx.fillRect(left + i, at_.top + 3, 1.5, 7);
      }
    }
  });
}

// src/pen/picture.ts
var PENS = {
  line: drawLine,
  rule: drawRule,
  mark: drawMark,
  points: drawPoints,
  span: drawSpan,
  bracket: drawBracket,
  label: drawLabel,
  ridge: drawRidge
};
var widths = /* @__PURE__ */ new Map();
function measurer(ctx, tokens) {
  return (text, bold = false) => {
    const name = `${font(tokens, bold)}|${text}`;
    let width2 = widths.get(name);
    if (width2 === void 0) {
      ctx.font = font(tokens, bold);
      width2 = ctx.measureText(text).width;
      if (widths.size > 4e3) widths.clear();
      widths.set(name, width2);
    }
    return width2;
  };
}
function draw(stage, layer, index) {
  const pen = PENS[layer.type];
  if (pen === void 0) {
    const cure = "Restart the kernel and reload the page, so that both sides are of one version";
    throw new Error(`it holds a layer of kind "${layer.type}", which this cockpit cannot draw. ${cure}`);
  }
  pen(stage, layer, index);
}
function drawPicture(paper, panel) {
  const { ctx, width: width2, height, ratio, tokens } = paper;
  const measure = measurer(ctx, tokens);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width2, height);
  ctx.textBaseline = "alphabetic";
  const boxes = layPlots(panel.plots, width2, height, measure);
  const picture = { stages: [], plots: panel.plots, words: [], beyond: 0 };
  panel.plots.forEach((plot, i) => {
    const box = boxes[i];
    const stage = {
      ctx,
      key: plot.key,
      box,
      x: scale(plot.x.low, plot.x.high, box.left, box.right, plot.x.scale === "log"),
      y: scale(plot.y.low, plot.y.high, box.bottom, box.top, plot.y.scale === "log"),
      xAxis: plot.x,
      yAxis: plot.y,
      layers: plot.layers,
      tokens,
      ratio,
      ink: new Ink(box),
      words: [],
      traces: [],
      rows: [],
      beyond: 0,
      measure
    };
    drawAxes(stage, plot);
    plot.layers.forEach((layer, k) => draw(stage, layer, k));
    picture.words.push(...writeWords(stage, paper.memory));
    picture.stages.push(stage);
    picture.beyond += stage.beyond;
  });
  return picture;
}
function writeWords(stage, memory) {
  const { box } = stage;
  const over = stage.yAxis.name === "" ? BARE_ROW - 1 : 0;
  const bounds = { left: box.left + 3, top: box.top - over, right: box.right, bottom: box.bottom };
  const byId = /* @__PURE__ */ new Map();
  const requests = [];
  for (const words of stage.words) {
    byId.set(words.id, words);
    requests.push(words);
  }
  const written = [];
  for (const { id, box: at2, clear } of place(requests, bounds, stage.ink, memory)) {
    const words = byId.get(id);
    const home = words.places[0];
    if (words.optional === true && (!clear || Math.hypot(at2.left - home.left, at2.top - home.top) > FAR)) continue;
    if (words.tie !== null) tie(stage, words.tie, at2);
    if (words.paint !== void 0) words.paint(stage.ctx, at2);
    else write(stage, words, at2);
    written.push({ text: words.text, box: at2, clear });
  }
  return written;
}
function write(stage, words, at2) {
  const { ctx, tokens } = stage;
  ctx.font = font(tokens, words.bold);
  ctx.lineJoin = "round";
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ground;
  ctx.lineWidth = 3;
  ctx.fillStyle = words.color;
  letters(ctx, words.text, at2.left, at2.bottom - 3, stage.ratio, true);
}
var FAR = 18;
function tie(stage, from, at2) {
  const x = Math.min(at2.right, Math.max(at2.left, from.x));
  const y = Math.min(at2.bottom, Math.max(at2.top, from.y));
  if (Math.hypot(x - from.x, y - from.y) < FAR) return;
  const { ctx, tokens } = stage;
  ctx.setLineDash([]);
  ctx.strokeStyle = tokens.ghost;
  ctx.lineWidth = 0.75;
  ctx.beginPath();
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(x, y);
  ctx.stroke();
}
function readBack(picture) {
  const series = {};
  const value = (v) => Number.isFinite(v) ? v : null;
  for (const stage of picture.stages) {
    for (const trace of stage.traces) {
      series[`${stage.key}/${trace.key}`] = {
        x: Array.from(trace.px, (p) => value(stage.x.from(p))),
        y: Array.from(trace.py, (p) => value(stage.y.from(p)))
      };
    }
  }
  return series;
}

// src/pen/table.ts
var NUMERIC = /^[−+-]?[\d.,]+( ?[%µm]?s?)?$/;
function drawTable(panel) {
  const { columns, rows } = panel.table;
  if (columns.length === 0) return h("p", { class: "vg-note-text" }, "There are no numbers to list yet.");
  const head = h("tr", {});
  columns.forEach((column, i) => {
    const numeric = i > 0 && rows.length > 0 && rows.every((row) => NUMERIC.test((row[i] ?? "").trim()));
    head.append(h("th", { scope: "col", class: numeric ? "vg-number" : null }, column));
  });
  const body = h("tbody", {});
  for (const row of rows) {
    const line2 = h("tr", {});
    row.forEach((cell, i) => {
      const numeric = NUMERIC.test(cell.trim());
      line2.append(i === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: numeric ? "vg-number" : null }, cell));
    });
    body.append(line2);
  }
  const caption = h("caption", {}, panel.summary || `${panel.noun}, ${panel.unit}`);
  return h("table", { class: "vg-table" }, caption, h("thead", {}, head), body);
}

// src/panel.ts
var TIGHTER = ["vg-tight", "vg-tighter", "vg-tightest"];
var PanelView = class {
  constructor(noun, view, crosshair, redraw) {
    this.noun = noun;
    this.crosshair = crosshair;
    this.redraw = redraw;
    const endsId = `vg-${view}-${noun}-ends`;
    this.nounNode = h("button", { type: "button", class: "vg-noun", "aria-describedby": endsId }, noun);
    this.ends = h("div", { class: "vg-ends", role: "tooltip", id: endsId });
    this.headline = h("span", { class: "vg-headline" }, this.valueName, this.value, this.reference);
    this.title = h("h3", { class: "vg-title" }, this.nounNode, this.when, this.unit, this.headline);
    this.plot.append(this.lower, this.upper);
    this.body.append(this.plot, this.readout, this.note, this.tableBox, this.tableButton, this.causeButton);
    this.section = h(
      "section",
      { class: "vg-panel", "data-panel": noun, "data-state": "empty", tabindex: 0, "aria-label": `Panel ${noun}` },
      this.title,
      this.ends,
      this.body,
      this.foot
    );
    this.tableButton.addEventListener("click", () => this.toggleTable());
    this.causeButton.addEventListener("click", () => {
      this.showsLast = false;
      this.redraw(this.noun);
    });
    this.plot.addEventListener("pointermove", (event) => {
      const box = this.plot.getBoundingClientRect();
      if (this.picture !== null) crosshair.point(pointAt(this.picture, noun, event.clientX - box.left, event.clientY - box.top));
    });
    this.plot.addEventListener("pointerleave", () => crosshair.point(null));
    this.stopListening = crosshair.listen((pointed) => this.drawUpper(pointed));
  }
  section;
  nounNode;
  when = h("span", { class: "vg-when" });
  unit = h("span", { class: "vg-unit" });
  valueName = h("b", { class: "vg-value-name" });
  value = h("b", {});
  reference = h("span", { class: "vg-small" });
  headline;
  title;
  ends;
  body = h("div", { class: "vg-body" });
  plot = h("div", { class: "vg-plot", role: "img" });
  lower = h("canvas", { "aria-hidden": "true" });
  upper = h("canvas", { class: "vg-upper", "aria-hidden": "true" });
  readout = h("div", { class: "vg-readout", "aria-hidden": "true", hidden: true });
  note = h("div", { class: "vg-note", hidden: true });
  tableBox = h("div", { class: "vg-table-box", hidden: true, tabindex: 0 });
  tableButton = h("button", { type: "button", class: "vg-quiet vg-table-button" }, "Table");
  causeButton = h("button", { type: "button", class: "vg-quiet vg-cause-button", hidden: true }, "Show cause");
  footWords = h("span", {});
  footLate = h("b", {});
  footRight = h("span", { class: "vg-right" });
  foot = h("div", { class: "vg-foot" }, h("span", {}, this.footWords, this.footLate), this.footRight);
  panel = null;
  /** The last one that could be drawn; a failed panel still shows it on request. */
  good = null;
  picture = null;
  memory = /* @__PURE__ */ new Map();
  showsTable = false;
  showsLast = false;
  drawError = "";
  width = 0;
  height = 0;
  /** What the lines held when they were last fitted: measuring them costs a layout, and numbers keep their width. */
  fitted = "";
  footHeight = 0;
  upperUsed = false;
  stopListening;
  dispose() {
    this.stopListening();
    this.section.remove();
  }
  get endsInWords() {
    return (this.panel?.ends ?? []).filter((end) => end !== "");
  }
  toggleTable() {
    this.showsTable = !this.showsTable;
    this.redraw(this.noun);
  }
  /** The size changed: words may stand elsewhere, and what had no room may have some. */
  resized() {
    this.memory.clear();
    this.section.classList.remove(...TIGHTER);
    this.fitted = "";
    this.width = 0;
    this.footHeight = 0;
    this.foot.style.minHeight = "";
  }
  /** Takes a new spec and draws it. */
  update(panel, tokens) {
    this.panel = panel;
    this.drawError = "";
    if (panel.state === "failed") {
      if (panel.plots.length > 0) this.good = panel;
      if (this.showsLast && this.good !== null) this.paint(this.good, tokens);
    } else if (panel.plots.length > 0 && panel.state !== "empty" && panel.state !== "loading") {
      this.paint(panel, tokens);
    }
    if (this.state !== "failed") this.showsLast = false;
    this.write(panel);
  }
  get state() {
    return this.drawError !== "" ? "failed" : this.panel?.state ?? "empty";
  }
  paint(panel, tokens) {
    try {
      this.picture = this.onPaper(panel, tokens);
      this.good = panel;
    } catch (error) {
      this.drawError = error instanceof Error ? error.message : String(error);
      if (this.good !== null && this.good !== panel) {
        try {
          this.picture = this.onPaper(this.good, tokens);
        } catch {
          this.good = null;
        }
      }
    }
  }
  onPaper(panel, tokens) {
    const ratio = window.devicePixelRatio || 1;
    if (this.width === 0) this.measure(ratio);
    const { width: width2, height } = this;
    if (width2 === 0 || height === 0) return this.picture;
    const ctx = this.lower.getContext("2d");
    if (ctx === null) throw new Error("this browser gives no canvas to draw on");
    const picture = drawPicture({ ctx, width: width2, height, ratio, tokens, memory: this.memory }, panel);
    this.tokens = tokens;
    return picture;
  }
  tokens = null;
  /* Columns of a grid begin between pixels. A canvas that does too is resampled, and its words are blurred; so it
   * is moved to the next whole pixel and given a whole number of them. */
  measure(ratio) {
    const box = this.body.getBoundingClientRect();
    const width2 = Math.floor(box.width);
    const height = Math.floor(box.height);
    this.width = width2;
    this.height = height;
    const shift = (place2) => `${(Math.round(place2 * ratio) / ratio - place2).toFixed(3)}px`;
    const left = shift(box.left);
    const top = shift(box.top);
    for (const canvas of [this.lower, this.upper]) {
      const columns = Math.round(width2 * ratio);
      const rows = Math.round(height * ratio);
      if (canvas.width !== columns) canvas.width = columns;
      if (canvas.height !== rows) canvas.height = rows;
      canvas.style.width = `${columns / ratio}px`;
      canvas.style.height = `${rows / ratio}px`;
      canvas.style.left = left;
      canvas.style.top = top;
    }
  }
  write(panel) {
    const state = this.state;
    setAttribute(this.section, "data-state", state);
    setAttribute(this.section, "data-step", panel.step === null ? null : String(panel.step));
    setText(this.unit, panel.unit);
    setText(this.when, whenText(panel, state));
    show(this.when, this.when.textContent !== "");
    const headline = state === "empty" || state === "loading" ? null : panel.headline;
    show(this.headline, headline !== null);
    if (headline !== null) {
      const name = headline.name === panel.noun ? "" : headline.name;
      setText(this.valueName, name === "" ? "" : `${name} `);
      setText(this.value, headline.text);
      setText(this.reference, headline.reference || "no reference");
    }
    if (this.ends.textContent !== this.endsInWords.join("")) {
      this.ends.replaceChildren(...this.endsInWords.map((end) => h("p", {}, end)));
    }
    this.writeBody(panel, state);
    this.writeFoot(panel, state);
  }
  /** After all panels are written: what does not fit its line gives way, never cut in the middle. */
  fit() {
    const shape = (this.title.textContent + "|" + this.foot.textContent).replace(/\d/g, "0");
    if (shape === this.fitted) return;
    this.fitted = shape;
    const fits = () => this.title.scrollWidth <= this.title.clientWidth + 1;
    for (const less of TIGHTER) if (!fits()) this.section.classList.add(less);
    const tall = this.foot.scrollHeight;
    if (tall > this.footHeight) {
      this.footHeight = tall;
      this.foot.style.minHeight = `${tall}px`;
    }
  }
  writeBody(panel, state) {
    const last = this.good;
    const noted = state !== "live" && state !== "stopped" && !this.showsLast;
    const hasTable = panel.table.columns.length > 0;
    if (noted) {
      const canShow = state === "failed" && last !== null && last.plots.length > 0;
      this.note.replaceChildren(
        ...stateNote(panel, state, this.drawError, canShow ? last : null, () => {
          this.showsLast = true;
          this.redraw(this.noun);
        })
      );
    }
    show(this.causeButton, this.showsLast);
    show(this.tableButton, hasTable && !this.showsLast);
    setText(this.tableButton, this.showsTable ? "Plot" : "Table");
    setAttribute(this.tableButton, "aria-pressed", String(this.showsTable));
    const table = this.showsTable && hasTable;
    if (table) {
      const scroll = this.tableBox.scrollTop;
      this.tableBox.replaceChildren(drawTable(panel));
      this.tableBox.scrollTop = scroll;
    }
    show(this.tableBox, table);
    show(this.note, noted && !table);
    show(this.plot, !noted && !table);
    setAttribute(this.plot, "aria-label", `${panel.noun}, ${panel.unit}. ${panel.summary}`);
    if (noted || table) this.readout.hidden = true;
    else this.drawUpper(this.crosshair.pointed);
  }
  writeFoot(panel, state) {
    const left = panel.foot_left.filter((t) => t !== "").join(", ");
    setText(this.footWords, panel.late !== "" && left !== "" ? `${left}, ` : left);
    setText(this.footLate, panel.late);
    const right = panel.foot_right.filter((t) => t !== "");
    const beyond = state === "live" || state === "stopped" ? this.picture?.beyond ?? 0 : 0;
    if (beyond > 0 && !right.some((t) => t.includes("beyond"))) right.push(`${count(beyond)} beyond the frame`);
    setText(this.footRight, right.join(", "));
  }
  drawUpper(pointed) {
    const nothing = pointed === null || this.picture === null || this.tokens === null || this.plot.hidden;
    if (nothing && !this.upperUsed) return;
    const ctx = this.upper.getContext("2d");
    if (ctx === null) return;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.upper.width, this.upper.height);
    this.readout.hidden = true;
    this.upperUsed = !nothing;
    if (pointed === null || this.picture === null || this.tokens === null || this.plot.hidden) return;
    const ratio = this.upper.width / Math.max(1, this.width);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const read = drawCrosshair(ctx, this.picture, this.noun, pointed, this.tokens);
    if (read !== null) fillReadout(this.readout, read, this.width);
  }
  drawn() {
    const picture = this.picture;
    const hidden = this.headline.hidden;
    const name = this.panel?.headline?.name ?? "";
    return {
      step: this.section.dataset["step"] === void 0 ? null : Number(this.section.dataset["step"]),
      state: this.state,
      headline: hidden ? null : {
        name,
        text: this.value.textContent ?? "",
        reference: this.reference.textContent ?? ""
      },
      series: picture === null ? {} : readBack(picture),
      words: (picture?.words ?? []).map((w) => ({
        text: w.text,
        clear: w.clear,
        box: [w.box.left, w.box.top, w.box.right, w.box.bottom]
      })),
      beyond: picture?.beyond ?? 0
    };
  }
};
function whenText(panel, state) {
  if (panel.step === null) return "";
  return state === "stopped" || state === "failed" ? `step ${count(panel.step)}` : "";
}

// src/protocol.ts
function bytesOf(buffer) {
  if (buffer instanceof ArrayBuffer) return buffer.slice(0);
  const copy = new Uint8Array(buffer.byteLength);
  copy.set(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
  return copy.buffer;
}
function typed(bytes, dtype) {
  switch (dtype) {
    case "float32":
      return new Float32Array(bytes);
    case "float64":
      return new Float64Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    case "uint8":
      return new Uint8Array(bytes);
    default:
      throw new Error(`An array of kind "${dtype}" came from the kernel; this cockpit reads float32, float64, int32 and uint8.`);
  }
}
function fromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}
function unpack(value, buffers) {
  if (Array.isArray(value)) return value.map((item) => unpack(item, buffers));
  if (value === null || typeof value !== "object") return value;
  const record = value;
  const inline = record["$base64"];
  const index = record["$buffer"];
  if (typeof inline === "string" || typeof index === "number") {
    let bytes;
    if (typeof inline === "string") {
      bytes = fromBase64(inline);
    } else {
      const buffer = buffers[index];
      if (buffer === void 0) throw new Error(`A message names array ${index}, but only ${buffers.length} came with it.`);
      bytes = bytesOf(buffer);
    }
    const data = typed(bytes, String(record["dtype"]));
    const shape = record["shape"];
    return Array.isArray(shape) && shape.length === 2 ? { data, shape } : data;
  }
  const out = {};
  for (const [name, item] of Object.entries(record)) out[name] = unpack(item, buffers);
  return out;
}
var Feed = class {
  frame = null;
  /** Nouns that changed since they were last taken by `take`. */
  changed = /* @__PURE__ */ new Set();
  /** Merges a frame. `gap` says that a frame before this one is missing, so a key frame is needed. */
  accept(next) {
    const last = this.frame;
    if (last === null) {
      if (!next.key) return { applied: false, gap: true };
      this.frame = next;
      for (const noun of next.order) this.changed.add(noun);
      return { applied: true, gap: false };
    }
    const anew = next.key && next.seq <= last.seq && next.time > last.time;
    if (next.seq <= last.seq && !anew) return { applied: false, gap: false };
    for (const noun of Object.keys(next.panels)) this.changed.add(noun);
    const panels = next.key ? next.panels : { ...last.panels, ...next.panels };
    this.frame = { ...next, panels };
    return { applied: true, gap: !next.key && next.seq > last.seq + 1 };
  }
  /** The nouns that need drawing, once. */
  take() {
    const nouns = this.changed;
    this.changed = /* @__PURE__ */ new Set();
    return nouns;
  }
  /** Everything needs drawing again: the theme or the size changed. */
  all() {
    for (const noun of this.frame?.order ?? []) this.changed.add(noun);
  }
};

// src/cockpit.ts
var KEY_EVERY_MS = 1e3;
var views = 0;
function viewName() {
  views += 1;
  return `${views}-${Math.random().toString(36).slice(2, 8)}`;
}
var STAYING_MS = 3e3;
var Cockpit = class {
  /** `send` is null where there is no kernel: then there are no buttons and no controls. */
  constructor(el, send) {
    this.send = send;
    this.header = new HeaderView(send === null ? null : (name) => this.command(name));
    this.controls = new ControlsView(this.view, (name, value) => this.control(name, value));
    this.commands = new Commands((trouble) => this.header.say(trouble), () => this.controlsNote);
    const keys = h("button", { type: "button", class: "vg-quiet" }, "? keys");
    keys.addEventListener("click", () => this.toggleHelp());
    const foot = h("footer", { class: "vg-saved" }, this.saved, keys);
    const inner = h("div", { class: "vg-inner" }, this.header.node, this.notices.node, this.help.node);
    if (send !== null) inner.append(this.controls.node);
    inner.append(this.waitingNote, this.grid, foot);
    this.root = h(
      "div",
      // JupyterLab listens for keys before anyone else; this attribute is how an element asks it not to.
      { class: "vergence", role: "region", "aria-label": "Cockpit", "data-view": this.view, "data-lm-suppress-shortcuts": "true" },
      inner
    );
    el.append(this.root);
    this.tokens = readTokens(this.root);
    this.root.vergence = this.probe();
    this.page = new Page(this.root, {
      resized: () => this.resized(),
      themed: () => this.themed(),
      hidden: (hidden) => this.hid(hidden),
      everySecond: () => this.everySecond()
    });
    this.root.addEventListener("keydown", (event) => this.key(event));
    for (const type of ["keyup", "keypress"]) this.root.addEventListener(type, (event) => event.stopPropagation());
  }
  root;
  view = viewName();
  feed = new Feed();
  header;
  notices = new NoticesView();
  controls;
  commands;
  help = new HelpView();
  grid = h("div", { class: "vg-grid" });
  waitingNote = h("p", { class: "vg-waiting" }, "Waiting for the first frame from the kernel.");
  saved = h("span", {});
  crosshair = new Crosshair();
  panels = /* @__PURE__ */ new Map();
  page;
  stats = { drawnFrames: 0, droppedFrames: 0, lastMs: 0 };
  tokens;
  pending = 0;
  /** Frames taken in since the last one was drawn. */
  undrawn = 0;
  lastHeard = performance.now();
  lastKey = -KEY_EVERY_MS;
  asked = 0;
  /** What the cockpit itself has to say beside the notices of the run. */
  own = null;
  staying = 0;
  dispose() {
    window.clearTimeout(this.staying);
    this.page.dispose();
    this.commands.dispose();
    if (this.pending !== 0) cancelAnimationFrame(this.pending);
    for (const panel of this.panels.values()) panel.dispose();
    this.root.remove();
  }
  probe() {
    const root = this.root;
    return {
      get seq() {
        return Number(root.dataset["seq"] ?? -1);
      },
      stats: this.stats,
      drawn: (noun) => this.panels.get(noun)?.drawn() ?? null
    };
  }
  /* ---- messages ---- */
  receive(content, buffers) {
    const message = content;
    this.lastHeard = performance.now();
    try {
      this.take(message, buffers);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.own = { severity: "warning", step: null, text: `A message from the kernel could not be read. ${why}` };
      this.schedule();
    }
  }
  take(message, buffers) {
    if (message.type === "ping") this.send?.({ type: "pong", id: message.id });
    else if (message.type === "frame") this.frame(unpack(message, buffers));
    else if (message.type === "frozen") this.frozen(message.where);
    else if (message.type === "ack" && !this.commands.answer(message)) this.controls.answer(message);
  }
  frame(frame) {
    const { applied, gap } = this.feed.accept(frame);
    if (gap) this.wantKey();
    if (!applied || this.undrawn > 0) this.stats.droppedFrames += 1;
    if (!applied) return;
    if (frame.header.state === "live") {
      window.clearTimeout(this.staying);
      this.own = null;
    }
    this.undrawn += 1;
    this.schedule();
  }
  /** For the still picture that will take this place. */
  look() {
    return { dark: this.tokens.dark, width: Math.round(this.root.clientWidth) };
  }
  wantKey() {
    const now = performance.now();
    if (now - this.lastKey < KEY_EVERY_MS) return;
    this.lastKey = now;
    this.send?.({ type: "want_key", view: this.view, ...this.look() });
  }
  /** A still picture takes this output's place. On a page that was loaded again it cannot: then say where it is. */
  frozen(where) {
    window.clearTimeout(this.staying);
    this.staying = window.setTimeout(() => {
      const place2 = where === "" ? "" : ` report.html in ${where} has it.`;
      const text = `The run has ended, but this page was loaded again while it trained, so its still picture cannot be put here.${place2}`;
      this.own = { severity: "note", step: null, text };
      this.schedule();
    }, STAYING_MS);
  }
  control(name, value) {
    const id = this.newId();
    this.send?.({ type: "control", id, name, value });
    return id;
  }
  command(name) {
    const id = this.newId();
    this.commands.given(id, name);
    this.send?.({ type: "command", id, name });
  }
  newId() {
    this.asked += 1;
    return `${this.view}-${this.asked}`;
  }
  get controlsNote() {
    return this.feed.frame?.header.controls_note ?? "";
  }
  /* ---- drawing ---- */
  schedule() {
    if (this.pending !== 0 || this.page.hidden) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.page.hidden) this.draw();
    });
  }
  draw() {
    const frame = this.feed.frame;
    if (frame === null || this.root.clientWidth === 0) return;
    const began = performance.now();
    this.notices.update(this.own === null ? frame.notices : [...frame.notices, this.own]);
    if (this.undrawn > 0) {
      this.header.update(frame.header);
      this.header.heard((began - this.lastHeard) / 1e3);
      this.controls.update(frame.controls, frame.header.controls_note);
      this.writeSaved(frame);
      this.arrange(frame.order);
    }
    for (const noun of this.feed.take()) this.drawPanel(noun);
    for (const panel of this.panels.values()) panel.fit();
    setAttribute(this.root, "data-state", frame.header.state);
    setAttribute(this.root, "data-step", String(frame.header.step));
    setAttribute(this.root, "aria-label", `Cockpit of ${frame.header.name}`);
    show(this.waitingNote, false);
    this.stats.lastMs = performance.now() - began;
    if (this.undrawn > 0) this.confirm(frame.seq);
  }
  confirm(seq) {
    this.undrawn = 0;
    this.stats.drawnFrames += 1;
    setAttribute(this.root, "data-seq", String(seq));
    setAttribute(this.root, "data-ready", "true");
    this.send?.({ type: "shown", view: this.view, seq, ms: Math.round(this.stats.lastMs * 100) / 100 });
  }
  drawPanel(noun) {
    const panel = this.feed.frame?.panels[noun];
    if (panel !== void 0) this.panels.get(noun)?.update(panel, this.tokens);
  }
  writeSaved(frame) {
    const { saved, saved_note: trouble } = frame.header;
    setText(this.saved, trouble !== "" ? trouble : saved !== "" ? `saved in ${saved}` : "not saved: the record is in memory only");
    this.saved.classList.toggle("vg-strong", trouble !== "");
  }
  arrange(order) {
    if ([...this.panels.keys()].join("|") === order.join("|")) return;
    const kept = new Map(this.panels);
    this.panels.clear();
    for (const noun of order) {
      const panel = kept.get(noun) ?? new PanelView(noun, this.view, this.crosshair, (which) => {
        this.drawPanel(which);
        this.panels.get(which)?.fit();
      });
      kept.delete(noun);
      this.panels.set(noun, panel);
      this.grid.append(panel.section);
    }
    for (const gone of kept.values()) gone.dispose();
  }
  /* ---- what the page does ---- */
  resized() {
    this.tokens = readTokens(this.root);
    for (const panel of this.panels.values()) panel.resized();
    this.controls.resized();
    this.feed.all();
    this.schedule();
  }
  themed() {
    this.tokens = readTokens(this.root);
    this.wantKey();
    this.feed.all();
    this.schedule();
  }
  hid(hidden) {
    this.send?.({ type: "hidden", view: this.view, hidden });
    if (hidden) return;
    this.wantKey();
    this.schedule();
  }
  everySecond() {
    if (this.send === null) return;
    this.header.heard((performance.now() - this.lastHeard) / 1e3);
    this.controls.tick(performance.now() / 1e3, this.controlsNote);
  }
  /* ---- keys ---- */
  key(event) {
    event.stopPropagation();
    if (event.defaultPrevented) return;
    const action = actionFor(event, focusOf(event.target));
    if (action !== null && this.act(action, event.target)) event.preventDefault();
  }
  act(action, target) {
    const panel = target.closest("[data-panel]");
    switch (action.do) {
      case "toggle":
        return this.press(this.header.runState === "live" ? "pause" : "run");
      case "step":
        return this.press("step");
      case "help":
        this.toggleHelp();
        return true;
      case "table":
        this.panels.get(panel?.dataset["panel"] ?? "")?.toggleTable();
        return panel !== null;
      case "alone":
        this.alone(panel);
        return true;
      case "back":
        return this.back();
      case "move":
        this.move(panel, action.to);
        return true;
    }
  }
  press(name) {
    if (this.send === null) return false;
    if (this.header.can(name)) this.command(name);
    else if (this.header.why(name) !== "") this.header.say(this.header.why(name));
    return true;
  }
  alone(panel) {
    for (const view of this.panels.values()) view.section.classList.toggle("vg-alone", view.section === panel);
    this.grid.classList.toggle("vg-one", panel !== null);
    this.resized();
    panel?.focus();
  }
  back() {
    if (this.help.open) {
      this.toggleHelp();
      return true;
    }
    if (!this.grid.classList.contains("vg-one")) return false;
    const panel = this.grid.querySelector(".vg-alone");
    this.alone(null);
    panel?.focus();
    return true;
  }
  move(panel, to) {
    const sections = [...this.panels.values()].map((view) => view.section).filter((s) => s.offsetParent !== null);
    const from = sections.findIndex((section) => section === panel);
    if (from >= 0) sections[neighbour(sections.map((s) => s.getBoundingClientRect()), from, to)]?.focus();
  }
  toggleHelp() {
    if (this.help.open) {
      this.help.hide();
      return;
    }
    const ends2 = [...this.panels.values()].map((view) => [view.noun, view.endsInWords]);
    this.help.show(ends2, () => this.help.hide());
  }
};
function render({ model, el }) {
  const cockpit = new Cockpit(el, (message) => model.send(message));
  const listen = (content, buffers) => cockpit.receive(content, buffers ?? []);
  model.on("msg:custom", listen);
  model.send({ type: "ready", view: cockpit.view, ...cockpit.look() });
  return () => {
    model.off("msg:custom", listen);
    cockpit.dispose();
    try {
      model.send({ type: "gone", view: cockpit.view });
    } catch {
    }
  };
}
function mount(el, frame) {
  const cockpit = new Cockpit(el, null);
  cockpit.frame(unpack(frame, []));
  return () => cockpit.dispose();
}
var cockpit_default = { render };
export {
  Cockpit,
  cockpit_default as default,
  mount
};
