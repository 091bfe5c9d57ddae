// src/assets.ts
var decodePng = (png) => createImageBitmap(new Blob([png], { type: "image/png" }));
var Assets = class {
	constructor(want, arrived, decode2 = decodePng) {
		this.want = want;
		this.arrived = arrived;
		this.decode = decode2;
	}
	known = /* @__PURE__ */ new Map();
	asked = /* @__PURE__ */ new Set();
	get(name) {
		const found = this.known.get(name);
		if (found !== void 0) return found;
		if (name !== "" && !this.asked.has(name)) {
			this.asked.add(name);
			this.want(name);
		}
		return null;
	}
	async take(message) {
		const { name, png, count: count2, columns, width: width3, height, names } = message;
		this.asked.add(name);
		let sheet = null;
		if (png !== null) sheet = await this.decode(png).catch(() => null);
		this.known.set(name, { name, sheet, count: count2, columns, width: width3, height, names });
		this.arrived();
	}
};
function stamp(ctx, asset, item, left, top, width3, height) {
	if (asset === null || asset.sheet === null || item < 0 || item >= asset.count) return false;
	const x = item % asset.columns * asset.width;
	const y = Math.floor(item / asset.columns) * asset.height;
	ctx.drawImage(asset.sheet, x, y, asset.width, asset.height, left, top, width3, height);
	return true;
}

// src/arrangement.ts
var NOTHING = { order: [], hidden: [] };
function ordered(nouns, own) {
	const found = own.order.filter((noun) => nouns.includes(noun));
	nouns.forEach((noun, i) => {
		if (found.includes(noun)) return;
		const before = nouns.slice(0, i).reverse().find((other) => found.includes(other));
		found.splice(before === void 0 ? 0 : found.indexOf(before) + 1, 0, noun);
	});
	return found;
}
function visible(nouns, own) {
	const all = ordered(nouns, own);
	const shown = all.filter((noun) => !own.hidden.includes(noun));
	return shown.length > 0 ? shown : all.slice(0, 1);
}
function shifted(nouns, own, noun, by) {
	const order = ordered(nouns, own);
	const from = order.indexOf(noun);
	const to = from + by;
	if (from < 0 || to < 0 || to >= order.length) return own;
	order.splice(to, 0, ...order.splice(from, 1));
	return { ...own, order };
}
function toggled(own, noun) {
	const hidden = own.hidden.includes(noun) ? own.hidden.filter((other) => other !== noun) : [...own.hidden, noun];
	return { ...own, hidden };
}
function spans(nouns) {
	const found = nouns.map((noun) => ({ two: noun === "pairs" ? 12 : 6, three: 4 }));
	let half = -1;
	found.forEach((span, i) => {
		if (span.two === 12) {
			if (half >= 0) found[half].two = 12;
			half = -1;
		} else half = half >= 0 ? -1 : i;
	});
	if (half >= 0) found[half].two = 12;
	const last = found[found.length - 1];
	if (last !== void 0) last.three = 4 * (3 - (found.length - 1) % 3);
	return found;
}
function place(name) {
	return `vergence:panels:${name}`;
}
function recall(name) {
	try {
		const kept = JSON.parse(localStorage.getItem(place(name)) ?? "null");
		const words2 = (list) => Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
		return kept === null ? NOTHING : { order: words2(kept.order), hidden: words2(kept.hidden) };
	} catch {
		return NOTHING;
	}
}
function keep(name, own) {
	try {
		localStorage.setItem(place(name), JSON.stringify(own));
	} catch {
	}
}

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
function show(node, visible2) {
	if (node.hidden === visible2) node.hidden = !visible2;
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
	if (key === "l" || key === "L") return { do: "live" };
	if (key === "f" || key === "F") return { do: "finding" };
	if (key === "[" || key === "]") return { do: "event", by: key === "[" ? -1 : 1 };
	if (focus !== "panel") return null;
	if (key === "Enter") return { do: "alone" };
	const to = ARROWS[key];
	return to === void 0 ? null : { do: "move", to };
}
function focusOf(target) {
	if (!(target instanceof Element)) return "other";
	if (target instanceof HTMLInputElement) return target.type === "radio" ? "radio" : target.type === "range" ? "slider" : "text";
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
	["Tab, Shift + Tab", "header, notices, findings, controls, panels, timeline"],
	["Space", "pause or run"],
	["S", "one step, when paused"],
	["Arrows on a panel", "the next panel in that direction"],
	["Enter, Esc", "a panel alone at full width, and back"],
	["T", "the numbers of a panel as a table, and back"],
	["Left, Right on a slider", "one notch; with Shift ten; Home and End"],
	["Left, Right on the timeline", "one recorded step back or on; with Shift ten; Home and End"],
	["F", "round the open findings and their evidence; Enter goes to its panel and step"],
	["[ and ]", "the event before and after: a change, a finding, a failure, a pause"],
	["L", "live: the newest step again"],
	["Enter on a slider", "type an exact value"],
	["?", "this list"]
];

// src/format.ts
var MINUS = "−";
function thousands(whole2) {
	return String(whole2).replace(/\B(?=(\d{3})+$)/g, ",");
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

// src/pen/stage.ts
var SMALL = 11;
var LINE = 13;
var HAIRLINE = 0.04;
function font(tokens, bold = false) {
	return `${bold ? 600 : 400} ${SMALL}px ${tokens.font}`;
}
function crisp(place4, ratio) {
	return (Math.floor(place4 * ratio) + 0.5) / ratio;
}
var OTHER_SIDE = 14;
function around(x, y, width3, gap, prefer) {
	const top = y - LINE / 2;
	const right = { left: x + gap, top, cost: prefer === "start" ? 0 : OTHER_SIDE };
	const left = { left: x - gap - width3, top, cost: prefer === "end" ? 0 : OTHER_SIDE };
	const above = { left: x - width3 / 2, top: y - gap - LINE, cost: prefer === "middle" ? 0 : 4 };
	const below = { left: x - width3 / 2, top: y + gap, cost: prefer === "middle" ? 1 : 5 };
	const places = [right, left, above, below];
	for (const [dx, dy] of [[1, -1], [1, 1], [-1, -1], [-1, 1]]) {
		places.push({
			left: dx > 0 ? x + gap * 0.7 : x - gap * 0.7 - width3,
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
function pictured(picture2, stage) {
	const bare = picture2.plots[picture2.stages.indexOf(stage)]?.bare ?? false;
	return bare && !stage.traces.some((trace) => trace.role === "dots");
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
function pointAt(picture2, noun, x, y) {
	for (const stage of picture2.stages) {
		if (pictured(picture2, stage)) continue;
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
function drawCrosshair(ctx, picture2, noun, pointed, tokens) {
	const rows = [];
	let title = "";
	let place4 = null;
	for (const stage of picture2.stages) {
		if (pictured(picture2, stage)) continue;
		const dots = stage.traces.filter((trace) => trace.role === "dots");
		if (dots.length > 0) {
			if (pointed.group !== "step" && pointed.group !== noun) continue;
			for (const trace of dots) {
				const at2 = dotOf(trace, pointed.value);
				if (at2 < 0) continue;
				ring(ctx, trace.px[at2], trace.py[at2], 6, tokens);
				place4 ??= { x: trace.px[at2], y: stage.box.top };
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
					place4 ??= { x: stage.box.left, y: row.base + 6 };
				}
				continue;
			}
		}
		if (groupOf(stage, noun) !== pointed.group) continue;
		const x = stage.x.to(pointed.value);
		if (x < stage.box.left - 1 || x > stage.box.right + 1) continue;
		rule(ctx, crisp(x, stage.ratio), stage.box.top, crisp(x, stage.ratio), stage.box.bottom, tokens);
		place4 ??= { x, y: stage.box.top + 2 };
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
		const { quantity, name } = stage.xAxis;
		const said3 = quantity === "index" ? count(Math.round(pointed.value)) : number(pointed.value);
		if (title === "") title = `${quantity || short(name)} ${said3}`.trim();
	}
	return place4 === null ? null : { title, rows, ...place4 };
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
function fillReadout(node, { title, rows, x, y }, width3) {
	node.replaceChildren(h("b", {}, title));
	const list = h("dl", {});
	for (const row of rows) {
		const kind = { class: row.reference ? "vg-reference" : null };
		list.append(h("dt", kind, row.name), h("dd", kind, row.value));
	}
	if (rows.length > 0) node.append(list);
	node.hidden = false;
	const own = node.offsetWidth;
	const left = x + 10 + own <= width3 ? x + 10 : x - 10 - own;
	node.style.top = `${y}px`;
	node.style.left = `${Math.max(0, Math.min(width3 - own, left))}px`;
}

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
		const width3 = this.columns + 1;
		const sums = new Float64Array(width3 * (this.rows + 1));
		for (let r = 0; r < this.rows; r++) {
			let row = 0;
			for (let c = 0; c < this.columns; c++) {
				row += this.cells[r * this.columns + c];
				sums[(r + 1) * width3 + c + 1] = sums[r * width3 + c + 1] + row;
			}
		}
		this.sums = sums;
		return sums;
	}
	/** How much ink lies under a box. */
	under(box) {
		const sums = this.table();
		const width3 = this.columns + 1;
		const column = (x) => Math.min(this.columns, Math.max(0, x));
		const row = (y) => Math.min(this.rows, Math.max(0, y));
		const c0 = column(Math.floor((box.left - this.bounds.left) / CELL));
		const c1 = column(Math.ceil((box.right - this.bounds.left) / CELL));
		const r0 = row(Math.floor((box.top - this.bounds.top) / CELL));
		const r1 = row(Math.ceil((box.bottom - this.bounds.top) / CELL));
		if (c1 <= c0 || r1 <= r0) return 0;
		return sums[r1 * width3 + c1] - sums[r0 * width3 + c1] - sums[r1 * width3 + c0] + sums[r0 * width3 + c0];
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
function boxAt(place4, request) {
	return { left: place4.left, top: place4.top, right: place4.left + request.width, bottom: place4.top + request.height };
}
function inside(place4, request, bounds) {
	return {
		left: Math.max(bounds.left, Math.min(bounds.right - request.width, place4.left)),
		top: Math.max(bounds.top, Math.min(bounds.bottom - request.height, place4.top)),
		cost: place4.cost
	};
}
function letters2(box) {
	return { left: box.left - 1, top: box.top + 2, right: box.right + 1, bottom: box.bottom - 1 };
}
function crowding(box, ink, words2) {
	let cost = INK_COST * ink.under(letters2(box));
	for (const word2 of words2) if (meets(box, word2, WORDS_APART)) cost += WORD_COST;
	return cost;
}
function settle(request, bounds, ink, words2, memory) {
	const liked = request.places[0];
	if (liked === void 0) return null;
	const before = memory.get(request.id);
	let best = null;
	const weigh = (candidate) => {
		const box = boxAt(candidate, request);
		const crowded = crowding(box, ink, words2);
		const near = before !== void 0 && Math.hypot(candidate.left - before.left, candidate.top - before.top) < 6;
		const cost = crowded + candidate.cost - (near ? INERTIA : 0);
		if (best === null || cost < best.cost) best = { request, box, crowded, cost };
	};
	for (const candidate of request.places) weigh(inside(candidate, request, bounds));
	if (best !== null && best.crowded > 0) {
		const home = inside(liked, request, bounds);
		const dearest = Math.max(...request.places.map((candidate) => candidate.cost));
		const lowest2 = bounds.bottom - request.height;
		const rightmost = bounds.right - request.width;
		for (let top = bounds.top; top <= lowest2; top += STRIDE) {
			for (let left = bounds.left; left <= rightmost; left += STRIDE) {
				weigh({ left, top, cost: dearest + PIXEL_COST * Math.hypot(left - home.left, 2 * (top - home.top)) });
			}
		}
	}
	return best;
}
function place2(requests, bounds, ink, memory, taken = []) {
	let order = requests.map((request, i) => ({ request, i })).sort((a, b) => b.request.rank - a.request.rank || a.i - b.i);
	let best = [];
	let least = Infinity;
	for (let round = 0; round < ROUNDS; round++) {
		const words2 = [...taken];
		const found = [];
		for (const { request } of order) {
			const one = settle(request, bounds, ink, words2, memory);
			if (one === null) continue;
			words2.push(one.box);
			found.push(one);
		}
		const total = found.reduce((sum2, one) => sum2 + one.cost, 0);
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
			from: (place4) => 10 ** (a + (place4 - start) / (end - start) * span)
		};
	}
	return {
		low,
		high: top,
		start,
		end,
		to: (value) => start + (value - low) / (top - low) * (end - start),
		from: (place4) => low + (place4 - start) / (end - start) * (top - low)
	};
}
var TO_ZERO = 0.09;
function hasZero(range) {
	return range.scale === "log" && range.may_be_zero === true;
}
function lowest(range) {
	return hasZero(range) ? 0 : range.low;
}
function clamp(value, range) {
	return Math.min(range.high, Math.max(range.low, value));
}
function fraction(value, range) {
	const start = hasZero(range) ? TO_ZERO : 0;
	if (start > 0 && value <= 0) return 0;
	const place4 = scale(range.low, range.high, start, 1, range.scale === "log").to(value);
	return Number.isFinite(place4) ? Math.min(1, Math.max(start, place4)) : start;
}
var NOTCHES_A_DECADE = 20;
var NOTCHES = 100;
function rounded(value, range) {
	if (range.scale === "log") return Number(value.toPrecision(2));
	if (range.whole === true) return Math.round(value);
	const unit = (range.high - range.low) / NOTCHES;
	return Number((range.low + Math.round((value - range.low) / unit) * unit).toPrecision(6));
}
function valueAt(part, range) {
	const start = hasZero(range) ? TO_ZERO : 0;
	if (start > 0 && part < start / 2) return 0;
	const place4 = Math.min(1, Math.max(start, part));
	return clamp(rounded(scale(range.low, range.high, start, 1, range.scale === "log").from(place4), range), range);
}
function notch(value, by, range) {
	if (range.scale === "log") {
		if (hasZero(range) && by < 0 && value <= range.low) return 0;
		if (value <= 0) return by > 0 ? range.low : value;
		let exponent = Math.log10(value) * NOTCHES_A_DECADE;
		for (let tries = 0; tries < 4; tries++) {
			exponent += tries === 0 ? by : Math.sign(by);
			const next = clamp(rounded(10 ** (exponent / NOTCHES_A_DECADE), range), range);
			if (next !== value) return next;
		}
		return value;
	}
	if (range.whole === true) return clamp(Math.round(value) + by, range);
	return clamp(rounded(value + by * (range.high - range.low) / NOTCHES, range), range);
}

// src/ticks.ts
function layTicks(places, sizes2, start, end, gap) {
	const all = places.map((at2, index) => {
		const size = sizes2[index] ?? 0;
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
	for (const place4 of all.slice(1, -1)) {
		if (place4.from >= edge + gap && place4.from + place4.size + gap <= last.from) {
			kept.push(place4);
			edge = place4.from + place4.size;
		}
	}
	if (last.from >= edge + gap) kept.push(last);
	return kept;
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
function layPlots(plots, width3, height, measure) {
	let gutter = LEAST_GUTTER;
	for (const plot of plots) {
		if (plot.bare) continue;
		for (const label of tickLabels(plot.y)) gutter = Math.max(gutter, Math.ceil(measure(label)) + 9);
	}
	const rows = plots.map((plot) => ({
		top: plot.bare ? 0 : plot.y.name === "" ? BARE_ROW : NAME_ROW,
		bottom: plot.bare ? 0 : plot.show_x ? TICK_ROW + AXIS_DROP + (plot.x.name === "" ? 0 : X_NAME_ROW) : HIDDEN_X_ROW
	}));
	const free = Math.max(20, height - rows.reduce((sum2, row) => sum2 + row.top + row.bottom, 0));
	const shares = plots.reduce((sum2, plot) => sum2 + plot.share, 0) || 1;
	let y = 0;
	return plots.map((plot, i) => {
		const row = rows[i];
		const top = y + row.top;
		const bottom = top + free * plot.share / shares;
		y = bottom + row.bottom;
		return plot.bare ? { left: 0, top, right: width3, bottom } : { left: gutter, top, right: width3 - RIGHT, bottom };
	});
}
function drawAxes(stage, plot) {
	if (plot.bare) return;
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
	const sizes2 = labels.map((label) => stage.measure(label));
	for (const spot of layTicks(places, sizes2, box.left - 8, box.right + RIGHT, 8)) {
		const x = crisp(spot.at, ratio);
		strokeLine(ctx, x, y, x, y + 3);
		letters(ctx, labels[spot.index] ?? "", spot.from, y + 14, ratio);
	}
	if (plot.x.name !== "") {
		const width3 = stage.measure(plot.x.name);
		const middle = (box.left + box.right) / 2;
		const left = Math.min(box.right + RIGHT - width3, Math.max(0, middle - width3 / 2));
		letters(ctx, plot.x.name, left, y + 27, ratio);
	}
}

// src/pen/bars.ts
var HEAD = 37;
var AXIS = 20;
var LINE2 = 14;
var MOST_PITCH = 36;
var TWO_LINES = 24;
var LIGHT = 0.42;
function rowPlaces(count2, tall, lines = 1) {
	const head = HEAD + LINE2 * (lines - 1);
	const pitch = Math.min(MOST_PITCH, (tall - head - AXIS) / Math.max(1, count2));
	const bar = Math.min(9, Math.max(3, (pitch - 8) / 2));
	const beyond = Math.min(4, Math.max(1, (pitch - 2 * bar - 1) / 2));
	return Array.from({ length: count2 }, (_, i) => {
		const h2 = head + i * pitch + beyond;
		return { h: h2, z: h2 + bar + 1, bar, from: h2 - beyond, to: h2 + 2 * bar + beyond };
	});
}
var known = (value) => typeof value === "number" && Number.isFinite(value);
var drawBars = (stage, layer) => {
	const { ctx, tokens } = stage;
	const places = rowPlaces(layer.rows.length, stage.yAxis.low, layer.words.length);
	ctx.save();
	ctx.font = font(tokens);
	layer.words.forEach((told, i) => {
		const text = shortened(stage, told, stage.box.right - stage.box.left);
		words(stage, text, stage.box.left, 8 + LINE2 * i, { color: i === 0 ? tokens.ink : tokens.second });
	});
	drawKey(stage, layer);
	layer.rows.forEach((name, i) => drawRow(stage, layer, i, name, places[i]));
	drawAxis(stage);
	ctx.restore();
	for (const [key, values] of [
		["h", layer.h],
		["z", layer.z],
		["raw_input", layer.raw],
		["untrained", layer.untrained],
		["chance", layer.chance],
		["best", layer.best],
		["ghost", layer.ghost]
	]) {
		if (!values.some(known)) continue;
		stage.traces.push({
			key,
			name: key,
			role: key === "h" || key === "z" ? "data" : "reference",
			color: tokens.ink,
			px: Float64Array.from(values, (value) => known(value) ? stage.x.to(value) : NaN),
			py: Float64Array.from(places, (place4) => stage.y.to(key === "z" ? place4.z : place4.h)),
			// Rows are no function of the accuracy, so the crosshair reads nothing from them.
			ordered: false,
			readable: false
		});
	}
};
function drawRow(stage, layer, i, name, place4) {
	const { ctx, tokens } = stage;
	const main = i < layer.main;
	const middle = place4.h + place4.bar + 0.5;
	const own = shortened(stage, name, stage.x.to(0) - 8 - stage.box.left, main);
	words(stage, own, stage.x.to(0) - 8, middle, { color: main ? tokens.ink : tokens.second, bold: main, end: true });
	for (const [value, top, opacity] of [[layer.h[i], place4.h, 1], [layer.z[i], place4.z, LIGHT]]) {
		if (!known(value)) continue;
		ctx.globalAlpha = opacity;
		ctx.fillStyle = tokens.second;
		const y = stage.y.to(top);
		ctx.fillRect(stage.x.to(0), y, Math.max(0.5, stage.x.to(value) - stage.x.to(0)), stage.y.to(top + place4.bar) - y);
		ctx.globalAlpha = 1;
	}
	drawBest(stage, layer.best[i], layer.h[i], place4);
	drawGhost(stage, layer.ghost[i], place4);
	tick2(stage, layer.chance[i], place4, { color: tokens.reference, dash: [1, 3], width: 1.5 });
	tick2(stage, layer.raw[i], place4, { color: tokens.ink, dash: [], width: 1.75, veil: true });
	tick2(stage, layer.untrained[i], place4, { color: tokens.ink, dash: [4, 2], width: 1.5, veil: true, ring: true });
	const [h2, z] = layer.said[i] ?? ["", ""];
	const right = stage.box.right - 2;
	const two = place4.to - place4.from >= TWO_LINES;
	const beside = !two && z !== "" && right - stage.x.to(1) >= stage.measure(h2, true) + stage.measure(z) + 10;
	const width3 = beside ? stage.measure(z) + 6 : 0;
	words(stage, h2, right - width3, two && z !== "" ? place4.h + place4.bar / 2 - 1 : middle, { color: tokens.ink, bold: true, end: true });
	if (two || beside) words(stage, z, right, two ? place4.z + place4.bar / 2 + 1 : middle, { color: tokens.second, end: true });
}
function tick2(stage, value, place4, look) {
	if (!known(value)) return;
	const x = crisp(stage.x.to(value), stage.ratio);
	upright(stage, x, stage.y.to(place4.from), stage.y.to(place4.to), look);
}
function upright(stage, x, from, to, look) {
	const { ctx, tokens } = stage;
	ctx.lineCap = look.dash[0] === 1 ? "round" : "butt";
	const line3 = (color, width3, dash) => {
		ctx.strokeStyle = color;
		ctx.lineWidth = width3;
		ctx.setLineDash(dash);
		ctx.beginPath();
		ctx.moveTo(x, from);
		ctx.lineTo(x, to);
		ctx.stroke();
	};
	if (look.veil === true) line3(tokens.ground, 4.5, []);
	line3(look.color, look.width, look.dash);
	ctx.setLineDash([]);
	ctx.lineCap = "butt";
	if (look.ring !== true) return;
	ctx.beginPath();
	ctx.arc(x, from, 2.5, 0, 2 * Math.PI);
	ctx.fillStyle = tokens.ground;
	ctx.strokeStyle = look.color;
	ctx.lineWidth = 1.25;
	ctx.fill();
	ctx.stroke();
}
function drawBest(stage, best, now, place4) {
	if (!known(best) || !known(now)) return;
	const { ctx, tokens, ratio } = stage;
	const from = stage.x.to(now);
	const to = crisp(stage.x.to(best), ratio);
	const top = crisp(stage.y.to(place4.h), ratio);
	const low = crisp(stage.y.to(place4.h + place4.bar), ratio);
	ctx.strokeStyle = tokens.second;
	ctx.lineWidth = 1;
	ctx.setLineDash([]);
	ctx.beginPath();
	ctx.moveTo(from, top);
	ctx.lineTo(to, top);
	ctx.lineTo(to, low);
	ctx.lineTo(from, low);
	ctx.stroke();
}
function drawGhost(stage, value, place4) {
	if (!known(value)) return;
	const { ctx, tokens } = stage;
	const x = stage.x.to(value);
	const y = crisp(stage.y.to(place4.h - 2), stage.ratio);
	ctx.strokeStyle = tokens.ghost;
	ctx.lineWidth = 1.25;
	ctx.beginPath();
	ctx.moveTo(stage.x.to(0), y);
	ctx.lineTo(x, y);
	ctx.lineTo(x, stage.y.to(place4.h + place4.bar));
	ctx.stroke();
}
function drawKey(stage, layer) {
	const { ctx, tokens } = stage;
	const at2 = 24 + LINE2 * (layer.words.length - 1);
	const y = stage.y.to(at2);
	let x = stage.box.left + 4;
	const right = stage.box.right - 46;
	const entries = [];
	if (layer.chance.some(known)) entries.push(["chance", { color: tokens.reference, dash: [1, 3], width: 1.5 }]);
	if (layer.raw.some(known)) entries.push(["raw input", { color: tokens.ink, dash: [], width: 1.75 }]);
	if (layer.untrained.some(known)) entries.push([layer.first, { color: tokens.ink, dash: [4, 2], width: 1.5, ring: true }]);
	for (const [whole2, look] of entries) {
		const name2 = shortened(stage, whole2, right - x - 12);
		if (name2 === "") continue;
		upright(stage, crisp(x, stage.ratio), y - 5, y + 5, look);
		words(stage, name2, x + 6, at2, { color: tokens.second });
		x += stage.measure(name2) + 22;
	}
	for (const [name2, back, opacity] of [["h", 30, 1], ["z", 8, LIGHT]]) {
		const end = stage.box.right - back;
		words(stage, name2, end, at2, { color: tokens.second });
		ctx.globalAlpha = opacity;
		ctx.fillStyle = tokens.second;
		ctx.fillRect(end - 11, y - 4, 8, 8);
		ctx.globalAlpha = 1;
	}
	if (layer.best.some(known) && right - x >= stage.measure("best") + 14) {
		ctx.strokeStyle = tokens.second;
		ctx.lineWidth = 1;
		ctx.setLineDash([]);
		ctx.strokeRect(crisp(x - 2, stage.ratio), crisp(y - 4, stage.ratio), 8, 8);
		words(stage, "best", x + 11, at2, { color: tokens.second });
		x += stage.measure("best") + 27;
	}
	if (layer.ghost_name === "") return;
	const name = shortened(stage, layer.ghost_name, right - x - 24);
	if (name === "") return;
	ctx.strokeStyle = tokens.ghost;
	ctx.lineWidth = 1.25;
	ctx.beginPath();
	ctx.moveTo(x - 2, y);
	ctx.lineTo(x + 9, y);
	ctx.stroke();
	words(stage, name, x + 13, at2, { color: tokens.second });
}
function drawAxis(stage) {
	const { ctx, tokens, ratio } = stage;
	const y = crisp(stage.y.to(stage.yAxis.low - AXIS), ratio);
	ctx.strokeStyle = tokens.rule;
	ctx.lineWidth = 1;
	ctx.setLineDash([]);
	ctx.beginPath();
	ctx.moveTo(stage.x.to(0), y);
	ctx.lineTo(stage.x.to(1), y);
	for (const value of [0, 0.25, 0.5, 0.75, 1]) {
		const x = crisp(stage.x.to(value), ratio);
		ctx.moveTo(x, y);
		ctx.lineTo(x, y + 3);
	}
	ctx.stroke();
	for (const value of [0, 0.25, 0.5, 0.75, 1]) {
		const text = String(value);
		ctx.fillStyle = tokens.second;
		ctx.font = font(tokens);
		letters(ctx, text, stage.x.to(value) - stage.measure(text) / 2, y + 14, ratio);
	}
	letters(ctx, stage.xAxis.name, stage.x.to(0) - 8 - stage.measure(stage.xAxis.name), y + 14, ratio);
}
function words(stage, text, x, y, look) {
	if (text === "") return;
	const { ctx, tokens } = stage;
	const bold = look.bold ?? false;
	ctx.font = font(tokens, bold);
	ctx.fillStyle = look.color;
	const left = look.end === true ? x - stage.measure(text, bold) : x;
	letters(ctx, text, left, stage.y.to(y) + SMALL / 2 - 1.5, stage.ratio);
}
function shortened(stage, text, room, bold = false) {
	if (stage.measure(text, bold) <= room) return text;
	let end = text.length;
	while (end > 2 && stage.measure(`${text.slice(0, end)}…`, bold) > room) end -= 1;
	return end > 2 ? `${text.slice(0, end).trimEnd()}…` : "";
}

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

// src/pen/cloud_shapes.ts
var SHAPES = [
	"circle",
	"square",
	"triangle",
	"diamond",
	"inverted triangle",
	"cross",
	"bar",
	"pillar"
];
var SIZE = {
	square: 0.89,
	triangle: 0.76,
	diamond: 1.26,
	arm: 1.25,
	thick: 0.4,
	long: 1.4,
	thin: 0.52
};
var REACH = 1.6;
var rectangle = (w, h2) => [
	[-w, -h2],
	[w, -h2],
	[w, h2],
	[-w, h2]
];
function corners(shape2) {
	const { square, triangle: triangle2, diamond, arm, thick, long, thin } = SIZE;
	const wide = triangle2 * Math.sqrt(3);
	switch (shape2) {
		case "circle":
			return null;
		case "square":
			return rectangle(square, square);
		case "triangle":
			return [
				[0, -2 * triangle2],
				[wide, triangle2],
				[-wide, triangle2]
			];
		case "inverted triangle":
			return [
				[0, 2 * triangle2],
				[-wide, -triangle2],
				[wide, -triangle2]
			];
		case "diamond":
			return [
				[0, -diamond],
				[diamond, 0],
				[0, diamond],
				[-diamond, 0]
			];
		case "cross":
			return [
				[-thick, -arm],
				[thick, -arm],
				[thick, -thick],
				[arm, -thick],
				[arm, thick],
				[thick, thick],
				[thick, arm],
				[-thick, arm],
				[-thick, thick],
				[-arm, thick],
				[-arm, -thick],
				[-thick, -thick]
			];
		case "bar":
			return rectangle(long, thin);
		case "pillar":
			return rectangle(thin, long);
	}
}
function outline(ctx, shape2, x, y, radius) {
	ctx.beginPath();
	const points = corners(shape2);
	if (points === null) {
		ctx.arc(x, y, radius, 0, 2 * Math.PI);
		return;
	}
	points.forEach(
		([dx, dy], i) => i === 0 ? ctx.moveTo(x + dx * radius, y + dy * radius) : ctx.lineTo(x + dx * radius, y + dy * radius)
	);
	ctx.closePath();
}
var Stamps = class {
	constructor(marks, radius, ratio, opacity) {
		this.radius = radius;
		this.ratio = ratio;
		this.side = 2 * Math.ceil(radius * REACH * ratio + 1);
		this.sheet = document.createElement("canvas");
		this.sheet.width = this.side * Math.max(1, marks.length);
		this.sheet.height = this.side;
		const ctx = this.sheet.getContext("2d");
		if (ctx === null) throw new Error("this browser gives no canvas to draw on");
		ctx.globalAlpha = opacity;
		marks.forEach((mark2, i) => {
			outline(ctx, mark2.shape, (i + 0.5) * this.side, this.side / 2, radius * ratio);
			ctx.fillStyle = mark2.color;
			ctx.fill();
		});
	}
	sheet;
	side;
	/** Puts the stamp of mark `i` at a place in CSS pixels, on whole pixels of the screen: that keeps the edges sharp. */
	put(ctx, i, x, y) {
		const { side, ratio } = this;
		const left = Math.round(x * ratio - side / 2) / ratio;
		const top = Math.round(y * ratio - side / 2) / ratio;
		ctx.drawImage(this.sheet, i * side, 0, side, side, left, top, side / ratio, side / ratio);
	}
};

// src/pen/cloud_map.ts
var READER = "map/reader";
var SHOWN = "map/shown";
function readerOf(local) {
	let reader = local.get(READER);
	if (reader === void 0) {
		reader = { pictures: true, picked: null, moves: false };
		local.set(READER, reader);
	}
	return reader;
}
function shownOf(local) {
	return local.get(SHOWN) ?? null;
}
function setShown(local, shown) {
	local.set(SHOWN, shown);
}
function equalScales(x, y, frame) {
	const wide = Math.max(1, frame.right - frame.left);
	const high = Math.max(1, frame.bottom - frame.top);
	const spanX = x.high > x.low ? x.high - x.low : 1;
	const spanY = y.high > y.low ? y.high - y.low : 1;
	const perUnit = Math.min(wide / spanX, high / spanY);
	const middleX = x.high > x.low ? (x.low + x.high) / 2 : x.low;
	const middleY = y.high > y.low ? (y.low + y.high) / 2 : y.low;
	return {
		perUnit,
		x: [middleX - wide / perUnit / 2, middleX + wide / perUnit / 2],
		y: [middleY - high / perUnit / 2, middleY + high / perUnit / 2]
	};
}
function roundLength(most) {
	const unit = 10 ** Math.floor(Math.log10(most));
	const factor = [5, 2, 1].find((f2) => f2 * unit <= most * (1 + 1e-9)) ?? 1;
	return Number((factor * unit).toPrecision(1));
}
var MOVE_MS = 200;
function eased(ms) {
	const t = Math.min(1, Math.max(0, ms / MOVE_MS));
	return t * t * (3 - 2 * t);
}
function between(from, to, part) {
	if (part >= 1) return to;
	return to.map((end, i) => Number.isFinite(from[i]) ? from[i] + (end - from[i]) * part : end);
}
var STILL = 0.25;
function differs(a, b) {
	return a.some((value, i) => Math.abs(value - b[i]) > STILL);
}
function sizes(layer) {
	const found = new Array(layer.kinds.length + 1).fill(0);
	const n = Math.min(layer.x.length, layer.y.length);
	for (let i = 0; i < n; i++) {
		const kind = kindOf(layer, i);
		found[kind < 0 ? layer.kinds.length : kind] += 1;
	}
	return found;
}
function kindOf(layer, item) {
	const kind = at(layer.kind, item);
	return Number.isInteger(kind) && kind >= 0 && kind < layer.kinds.length ? kind : -1;
}
function coloured(layer, picked) {
	const all = layer.kinds.map((_, k) => k);
	if (all.length <= SHAPES.length) return all;
	if (picked !== null) return picked.filter((k) => k < all.length).slice(0, SHAPES.length);
	const found = sizes(layer);
	return all.sort((a, b) => found[b] - found[a] || a - b).slice(0, SHAPES.length).sort((a, b) => a - b);
}
function marksOf(layer, picked, tokens) {
	const own = coloured(layer, picked);
	const grey = { shape: "circle", color: tokens.ghost };
	const marks = layer.kinds.map((_, k) => {
		const slot = own.indexOf(k);
		return slot < 0 ? grey : { shape: SHAPES[slot], color: tokens.classes[slot] };
	});
	return [...marks, grey];
}
function radiusFor(items, height) {
	const own = items <= 600 ? 3 : items <= 2500 ? 2.6 : items <= 6e3 ? 2.2 : 1.9;
	return own * Math.min(1.4, Math.max(1, height / 240));
}
function middles(layer, px, py) {
	const items = layer.kinds.map(() => []);
	for (let i = 0; i < px.length; i++) {
		const kind = kindOf(layer, i);
		if (kind >= 0 && Number.isFinite(px[i]) && Number.isFinite(py[i])) items[kind].push(i);
	}
	const median = (own, place4) => Float64Array.from(own, (i) => place4[i]).sort()[own.length >> 1];
	return items.map((own) => own.length === 0 ? null : { x: median(own, px), y: median(own, py), items: own });
}
function matesOf(layer, item) {
	const links = linksOf(layer);
	const found = /* @__PURE__ */ new Set([item]);
	for (let grown = true; grown && found.size < 200; ) {
		grown = false;
		for (const [a, b] of links) {
			if (found.has(a) === found.has(b)) continue;
			found.add(a).add(b);
			grown = true;
		}
	}
	found.delete(item);
	return [...found].sort((a, b) => a - b);
}
var pairs = /* @__PURE__ */ new WeakMap();
function linksOf(layer) {
	const known2 = pairs.get(layer);
	if (known2 !== void 0) return known2;
	const n = Math.min(layer.x.length, layer.y.length);
	const found = [];
	const add = (a, b) => {
		if (a >= 0 && b >= 0 && a < n && b < n && a !== b) found.push([a, b]);
	};
	const links = layer.links;
	if (Array.isArray(links)) for (const row of links) add(row[0], row[1]);
	else {
		const { data } = layer.links;
		for (let i = 0; i + 1 < data.length; i += 2) add(at(data, i), at(data, i + 1));
	}
	pairs.set(layer, found);
	return found;
}

// src/pen/cloud_gl.ts
var GL_FROM = 2e3;
var MOST_MARKS = 16;
var IDLE_MS = 2e4;
var VERTEX = `#version 300 es
in vec2 place;
in float mark;
uniform vec2 extent;
uniform float size;
flat out int m;
void main() {
	gl_Position = vec4(place.x / extent.x * 2.0 - 1.0, 1.0 - place.y / extent.y * 2.0, 0.0, 1.0);
	gl_PointSize = size;
	m = int(mark);
}`;
var f = (value) => value.toFixed(4);
var FRAGMENT = `#version 300 es
precision highp float;
flat in int m;
uniform vec4 colors[${MOST_MARKS}];
uniform int shapes[${MOST_MARKS}];
uniform float reach;
uniform float pixel;
out vec4 color;
float box(vec2 p, float w, float h) { return max(abs(p.x) - w, abs(p.y) - h); }
float three(float x, float y) {
	return max(y - ${f(SIZE.triangle)}, 0.8660254 * abs(x) - 0.5 * y - ${f(SIZE.triangle)});
}
void main() {
	vec2 p = (gl_PointCoord * 2.0 - 1.0) * reach;
	int s = shapes[m];
	float d = length(p) - 1.0;
	if (s == 1) d = box(p, ${f(SIZE.square)}, ${f(SIZE.square)});
	else if (s == 2) d = three(p.x, p.y);
	else if (s == 3) d = (abs(p.x) + abs(p.y) - ${f(SIZE.diamond)}) * 0.70710678;
	else if (s == 4) d = three(p.x, -p.y);
	else if (s == 5) d = min(box(p, ${f(SIZE.arm)}, ${f(SIZE.thick)}), box(p, ${f(SIZE.thick)}, ${f(SIZE.arm)}));
	else if (s == 6) d = box(p, ${f(SIZE.long)}, ${f(SIZE.thin)});
	else if (s == 7) d = box(p, ${f(SIZE.thin)}, ${f(SIZE.long)});
	float a = clamp(0.5 - d / pixel, 0.0, 1.0) * colors[m].a;
	if (a <= 0.0) discard;
	color = vec4(colors[m].rgb * a, a);
}`;
function compiled(gl) {
	const program = gl.createProgram();
	for (const [kind, source] of [
		[gl.VERTEX_SHADER, VERTEX],
		[gl.FRAGMENT_SHADER, FRAGMENT]
	]) {
		const shader = gl.createShader(kind);
		if (shader === null) return null;
		gl.shaderSource(shader, source);
		gl.compileShader(shader);
		gl.attachShader(program, shader);
		gl.deleteShader(shader);
	}
	gl.linkProgram(program);
	return gl.getProgramParameter(program, gl.LINK_STATUS) === true ? program : null;
}
function rgb(color, probe) {
	probe.fillStyle = "#000";
	probe.fillStyle = color;
	const hex = String(probe.fillStyle);
	const part = (from) => parseInt(hex.slice(from, from + 2), 16) / 255 || 0;
	return [part(1), part(3), part(5)];
}
var Painter = class {
	canvas = null;
	gl = null;
	program = null;
	places = null;
	timer;
	/** How often a context was made, and how often it was lost without having been given back. */
	made = 0;
	lost = 0;
	open() {
		if (this.gl !== null && !this.gl.isContextLost()) return true;
		if (this.gl !== null) this.release(false);
		if (this.lost > 2) return false;
		const canvas = document.createElement("canvas");
		const gl = canvas.getContext("webgl2", { antialias: false, depth: false, premultipliedAlpha: true });
		const program = gl === null ? null : compiled(gl);
		if (gl === null || program === null) {
			this.lost = Infinity;
			return false;
		}
		canvas.addEventListener("webglcontextlost", (event) => {
			event.preventDefault();
			if (this.gl === gl) this.lost += 1;
		});
		this.made += 1;
		this.canvas = canvas;
		this.gl = gl;
		this.program = program;
		this.places = gl.createBuffer();
		return true;
	}
	/** Gives the context back to the browser. */
	release(counted = true) {
		clearTimeout(this.timer);
		const gl = this.gl;
		this.gl = null;
		this.canvas = null;
		if (counted && gl !== null) gl.getExtension("WEBGL_lose_context")?.loseContext();
	}
	/** The context in use, for a test that takes it away. */
	get context() {
		return this.gl;
	}
	/** Draws marks over what is there; false when this browser cannot, and then nothing was drawn. */
	draw(ctx, width3, height, ratio, what) {
		if (what.marks.length > MOST_MARKS || !this.open()) return false;
		const gl = this.gl;
		const canvas = this.canvas;
		const columns = Math.round(width3 * ratio);
		const rows = Math.round(height * ratio);
		if (canvas.width !== columns) canvas.width = columns;
		if (canvas.height !== rows) canvas.height = rows;
		gl.viewport(0, 0, columns, rows);
		gl.clearColor(0, 0, 0, 0);
		gl.clear(gl.COLOR_BUFFER_BIT);
		gl.enable(gl.BLEND);
		gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
		const program = this.program;
		gl.useProgram(program);
		const rowsOf3 = new Float32Array(3 * what.x.length);
		let count2 = 0;
		for (let i = 0; i < what.x.length; i++) {
			if (what.mark[i] < 0) continue;
			rowsOf3[3 * count2] = what.x[i];
			rowsOf3[3 * count2 + 1] = what.y[i];
			rowsOf3[3 * count2 + 2] = what.mark[i];
			count2 += 1;
		}
		gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
		gl.bufferData(gl.ARRAY_BUFFER, rowsOf3.subarray(0, 3 * count2), gl.STREAM_DRAW);
		const place4 = gl.getAttribLocation(program, "place");
		const mark2 = gl.getAttribLocation(program, "mark");
		gl.enableVertexAttribArray(place4);
		gl.vertexAttribPointer(place4, 2, gl.FLOAT, false, 12, 0);
		gl.enableVertexAttribArray(mark2);
		gl.vertexAttribPointer(mark2, 1, gl.FLOAT, false, 12, 8);
		const uniform = (name) => gl.getUniformLocation(program, name);
		const side = 2 * (what.radius * REACH * ratio + 1);
		gl.uniform2f(uniform("extent"), width3, height);
		gl.uniform1f(uniform("size"), side);
		gl.uniform1f(uniform("reach"), side / 2 / (what.radius * ratio));
		gl.uniform1f(uniform("pixel"), 1 / (what.radius * ratio));
		const colors = new Float32Array(4 * MOST_MARKS);
		const shapes = new Int32Array(MOST_MARKS);
		what.marks.forEach((one, k) => {
			colors.set([...rgb(one.color, ctx), what.opacity], 4 * k);
			shapes[k] = SHAPES.indexOf(one.shape);
		});
		gl.uniform4fv(uniform("colors"), colors);
		gl.uniform1iv(uniform("shapes"), shapes);
		gl.drawArrays(gl.POINTS, 0, count2);
		const sound = !gl.isContextLost();
		if (sound) ctx.drawImage(canvas, 0, 0, columns, rows, 0, 0, width3, height);
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.release(), IDLE_MS);
		return sound;
	}
};
var SHARED = Symbol.for("vergence.map.painter.1");
function painter() {
	const page = globalThis;
	return page[SHARED] ??= new Painter();
}

// src/pen/cloud_words.ts
var SCALE_ROW = 17;
var EACH = 3;
var MOST_PICTURES = 27;
var LEAST_PICTURES = 3;
var COVERED = 0.2;
var APART = 5;
var INNER = 0.9;
var TALL = 300;
var SHAPE_ROOM = 13;
var FAR = 84;
var RINGS = 7;
var SPOKES = 16;
var ASKED = 1200;
var NEAREST = 6;
function drawPictures(stage, shown, centres, before) {
	const asset = stage.asset(shown.layer.asset);
	if (asset === null || asset.sheet === null) return;
	const { frame, toX, toY, px, py } = shown;
	const side = pictureSide(frame);
	const half = side / 2;
	let left = Math.max(LEAST_PICTURES, Math.min(MOST_PICTURES, Math.floor(COVERED * extent(toX, toY) / side ** 2)));
	const kept = new Set(before);
	const taken = [];
	const queues = centres.map((centre) => centre === null ? [] : fromTheMiddle(centre, toX, toY, kept));
	for (let round = 0; round < EACH; round++) {
		for (const queue of queues) {
			for (let i = queue.shift(); i !== void 0 && left > 0; i = queue.shift()) {
				const box = { left: toX[i] - half, top: toY[i] - half, right: toX[i] + half, bottom: toY[i] + half };
				const within = box.left >= frame.left && box.top >= frame.top && box.right <= frame.right && box.bottom <= frame.bottom;
				if (!within || taken.some((other) => meets(box, other, APART))) continue;
				if (!paintPicture(stage, shown, i, px[i], py[i])) continue;
				taken.push(box);
				shown.pictured.push(i);
				stage.ink.disc(toX[i], toY[i], half + 1);
				left -= 1;
				break;
			}
		}
	}
}
function fromTheMiddle(centre, x, y, kept) {
	const near = thinned(centre.items, ASKED / 4).map((i) => ({ i, far: Math.hypot(x[i] - centre.x, y[i] - centre.y) })).sort((a, b) => a.far - b.far);
	const inner = near.slice(0, Math.max(1, Math.ceil(near.length * INNER))).map(({ i }) => i);
	return [...inner.filter((i) => kept.has(i)), ...inner.filter((i) => !kept.has(i))];
}
function thinned(items, most) {
	const n = items.length;
	if (n <= most) return items;
	return Array.from({ length: most }, (_, j) => items[Math.floor(j * 0.6180339887 % 1 * n)]);
}
function extent(x, y) {
	const spread = (values) => {
		const real = Float64Array.from(thinned([...values.keys()], ASKED), (i) => values[i]).filter(Number.isFinite).sort();
		return real.length === 0 ? 0 : real[Math.floor(0.95 * (real.length - 1))] - real[Math.floor(0.05 * (real.length - 1))];
	};
	return spread(x) * spread(y);
}
function pictureSide(frame) {
	return frame.bottom - frame.top > TALL ? 26 : 18;
}
function paintPicture(stage, shown, item, x, y) {
	const { ctx, tokens, ratio } = stage;
	const side = pictureSide(shown.frame);
	const left = Math.round((x - side / 2) * ratio) / ratio;
	const top = Math.round((y - side / 2) * ratio) / ratio;
	ctx.fillStyle = tokens.ground;
	ctx.fillRect(left, top, side, side);
	if (!stamp(ctx, stage.asset(shown.layer.asset), item, left + 1, top + 1, side - 2, side - 2)) return false;
	ctx.strokeStyle = tokens.rule;
	ctx.lineWidth = 0.75;
	ctx.strokeRect(left, top, side, side);
	return true;
}
function nameClasses(stage, shown, centres, named2, homes) {
	const taken = [];
	const asked = thinned([...shown.toX.keys()], ASKED);
	const ranked = named2.filter((k) => centres[k] != null).sort((a, b) => centres[b].items.length - centres[a].items.length);
	for (const k of ranked) {
		const centre = centres[k];
		const text = shorten(shown.layer.kinds[k], stage, Math.min(140, shown.frame.right - shown.frame.left - 20));
		const width3 = SHAPE_ROOM + stage.measure(text, true);
		const home = freeSpot(stage, shown, centre, k, width3, taken, homes.get(k), asked);
		if (home === null) {
			homes.delete(k);
			continue;
		}
		taken.push(home);
		homes.set(k, { left: home.left - centre.x, top: home.top - centre.y, right: 0, bottom: 0 });
		const mark2 = shown.marks[k];
		stage.words.push({
			id: `${stage.key}/class/${k}`,
			text,
			color: stage.tokens.ink,
			bold: true,
			width: width3,
			height: LINE,
			places: [{ left: home.left, top: home.top, cost: 0 }],
			rank: 40,
			tie: null,
			optional: true,
			paint: (ctx, box) => {
				const y = (box.top + box.bottom) / 2;
				ctx.setLineDash([]);
				ctx.lineJoin = "round";
				ctx.strokeStyle = stage.tokens.ground;
				ctx.lineWidth = 3;
				outline(ctx, mark2.shape, box.left + 5, y, 3.6);
				ctx.stroke();
				ctx.fillStyle = mark2.color;
				ctx.fill();
				ctx.font = font(stage.tokens, true);
				ctx.fillStyle = stage.tokens.ink;
				letters(ctx, text, box.left + SHAPE_ROOM, box.bottom - 3, stage.ratio, true);
			}
		});
	}
}
function shorten(text, stage, most) {
	if (stage.measure(text, true) <= most) return text;
	let end = text.length - 1;
	while (end > 1 && stage.measure(`${text.slice(0, end)}…`, true) > most) end -= 1;
	return `${text.slice(0, end).trimEnd()}…`;
}
function freeSpot(stage, shown, centre, k, width3, taken, last, asked) {
	const { frame } = shown;
	const boxAt2 = (left, top) => ({ left, top, right: left + width3, bottom: top + LINE });
	const free = (box) => {
		if (box.left < frame.left + 3 || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom)
			return false;
		if (taken.some((other) => meets(box, other, 4))) return false;
		return stage.ink.under({ left: box.left - 2, top: box.top, right: box.right + 2, bottom: box.bottom }) === 0;
	};
	if (last !== void 0) {
		const box = boxAt2(centre.x + last.left, centre.y + last.top);
		if (free(box) && amongOwn(box, shown, k, asked)) return box;
	}
	for (let ring2 = 0; ring2 <= RINGS; ring2++) {
		const reach2 = ring2 / RINGS * FAR;
		for (let spoke = 0; spoke < (ring2 === 0 ? 1 : SPOKES); spoke++) {
			const angle = -Math.PI / 2 + (spoke % 2 === 0 ? 1 : -1) * Math.ceil(spoke / 2) * (2 * Math.PI / SPOKES);
			const x = centre.x + (reach2 + (ring2 === 0 ? 0 : width3 / 2 * Math.abs(Math.cos(angle)))) * Math.cos(angle);
			const y = centre.y + reach2 * Math.sin(angle);
			const box = boxAt2(x - width3 / 2, y - LINE / 2);
			if (free(box) && amongOwn(box, shown, k, asked)) return box;
		}
	}
	return null;
}
function amongOwn(box, shown, k, asked) {
	const { layer, toX, toY } = shown;
	const gaps = new Array(NEAREST).fill(Infinity);
	const own = new Array(NEAREST).fill(false);
	for (const i of asked) {
		const across = Math.max(box.left - toX[i], 0, toX[i] - box.right);
		const down = Math.max(box.top - toY[i], 0, toY[i] - box.bottom);
		const gap = Math.hypot(across, down);
		if (!(gap < gaps[NEAREST - 1])) continue;
		let at2 = NEAREST - 1;
		for (; at2 > 0 && gaps[at2 - 1] > gap; at2--) {
			gaps[at2] = gaps[at2 - 1];
			own[at2] = own[at2 - 1];
		}
		gaps[at2] = gap;
		own[at2] = kindOf(layer, i) === k;
	}
	const counted = gaps.filter(Number.isFinite).length;
	return own.filter(Boolean).length * 2 >= Math.min(counted, NEAREST);
}
function drawScaleBar(stage, perUnit, bottom) {
	const { ctx, tokens, ratio, box } = stage;
	const length = roundLength(Math.max(1, Math.min(90, (box.right - box.left) / 4)) / perUnit);
	const wide = length * perUnit;
	const y = Math.round((bottom - 6) * ratio) / ratio;
	const left = box.left + 4;
	ctx.setLineDash([]);
	ctx.strokeStyle = tokens.second;
	ctx.lineWidth = 1;
	ctx.beginPath();
	ctx.moveTo(left, y);
	ctx.lineTo(left + wide, y);
	for (const x of [left, left + wide]) {
		ctx.moveTo(x, y - 3);
		ctx.lineTo(x, y + 3);
	}
	ctx.stroke();
	const text = `${tick(length)} on both axes`;
	stage.words.push({
		id: `${stage.key}/scale`,
		text,
		color: tokens.second,
		bold: false,
		width: stage.measure(text),
		height: LINE,
		places: [{ left: left + wide + 6, top: bottom - LINE + 1, cost: 0 }],
		rank: 100,
		tie: null
	});
}

// src/pen/cloud.ts
var BAR_ROW = 21;
var OPACITY = 0.85;
var MOST_LINKS = 600;
var MOST_MOVING = 2e3;
var NAMES = "map/names";
function drawCloud(stage, layer) {
	const { box, local } = stage;
	const n = Math.min(layer.x.length, layer.y.length);
	const frame = {
		left: box.left + 2,
		top: box.top + BAR_ROW,
		right: box.right - 2,
		bottom: box.bottom - SCALE_ROW
	};
	const radius = radiusFor(n, frame.bottom - frame.top);
	const inner = inset(frame, radius + 2);
	const equal = equalScales(stage.xAxis, stage.yAxis, inner);
	stage.x = scale(equal.x[0], equal.x[1], inner.left, inner.right, false);
	stage.y = scale(equal.y[0], equal.y[1], inner.bottom, inner.top, false);
	const trueX = Float64Array.from({ length: n }, (_, i) => stage.x.to(at(layer.x, i)));
	const trueY = Float64Array.from({ length: n }, (_, i) => stage.y.to(at(layer.y, i)));
	const outside = clampInto(trueX, trueY, inner);
	const last = shownOf(local);
	const shown = settle2(stage, last, layer, frame, outside.x, outside.y, radius);
	setShown(local, shown);
	const { ctx } = stage;
	ctx.save();
	drawLinks(stage, shown);
	drawMarks(stage, shown, outside.beyond);
	for (let i = 0; i < n; i++)
		if (Number.isFinite(shown.toX[i])) stage.ink.disc(shown.toX[i], shown.toY[i], radius + 1);
	const centres = middles(layer, shown.toX, shown.toY);
	if (readerOf(local).pictures) drawPictures(stage, shown, centres, last?.pictured ?? []);
	let homes = local.get(NAMES);
	if (homes === void 0) local.set(NAMES, homes = /* @__PURE__ */ new Map());
	nameClasses(stage, shown, centres, coloured(layer, readerOf(local).picked), homes);
	if (shown.px.some(Number.isFinite)) drawScaleBar(stage, equal.perUnit, box.bottom);
	else sayNothing(stage, n);
	ctx.restore();
	stage.beyond += outside.beyond.length;
	stage.traces.push({
		key: layer.key,
		name: named(layer.key),
		role: "data",
		color: stage.tokens.ink,
		px: trueX,
		py: trueY,
		ordered: false,
		readable: false
	});
}
function inset(box, by) {
	return { left: box.left + by, top: box.top + by, right: box.right - by, bottom: box.bottom - by };
}
function clampInto(x, y, box) {
	const beyond = [];
	const cx = x.slice();
	const cy = y.slice();
	const most = 1e-6 * (box.right - box.left + box.bottom - box.top);
	for (let i = 0; i < x.length; i++) {
		if (Number.isNaN(x[i]) || Number.isNaN(y[i])) {
			cx[i] = NaN;
			cy[i] = NaN;
			continue;
		}
		cx[i] = Math.min(box.right, Math.max(box.left, x[i]));
		cy[i] = Math.min(box.bottom, Math.max(box.top, y[i]));
		if (Math.abs(cx[i] - x[i]) > most || Math.abs(cy[i] - y[i]) > most) beyond.push(i);
	}
	return { x: cx, y: cy, beyond };
}
function settle2(stage, last, layer, frame, toX, toY, radius) {
	const reader = readerOf(stage.local);
	const now = performance.now();
	const marks = marksOf(layer, reader.picked, stage.tokens);
	const atRest = {
		layer,
		frame,
		px: toX,
		py: toY,
		toX,
		toY,
		fromX: toX,
		fromY: toY,
		began: 0,
		moving: false,
		marks,
		radius,
		pictured: [],
		drawn: "canvas"
	};
	const same2 = last !== null && last.toX.length === toX.length && last.layer.key === layer.key && sameBox(last.frame, frame);
	if (!reader.moves || !same2 || toX.length > MOST_MOVING) return atRest;
	const setOff = differs(toX, last.toX) || differs(toY, last.toY);
	if (!setOff && !last.moving) return atRest;
	const way = setOff ? { fromX: last.px, fromY: last.py, began: now } : { fromX: last.fromX, fromY: last.fromY, began: last.began };
	const part = eased(now - way.began);
	if (now - way.began >= MOVE_MS) return atRest;
	return { ...atRest, ...way, moving: true, px: between(way.fromX, toX, part), py: between(way.fromY, toY, part) };
}
function sameBox(a, b) {
	return a.left === b.left && a.top === b.top && a.right === b.right && a.bottom === b.bottom;
}
function drawLinks(stage, shown) {
	const links = linksOf(shown.layer);
	if (links.length > MOST_LINKS) return;
	const { ctx, tokens } = stage;
	ctx.setLineDash([]);
	ctx.strokeStyle = tokens.ghost;
	ctx.globalAlpha = links.length > 150 ? 0.35 : 0.6;
	ctx.lineWidth = 0.75;
	ctx.beginPath();
	for (const [a, b] of links) {
		if (!Number.isFinite(shown.px[a]) || !Number.isFinite(shown.px[b])) continue;
		ctx.moveTo(shown.px[a], shown.py[a]);
		ctx.lineTo(shown.px[b], shown.py[b]);
		if (links.length <= 150) stage.ink.segment(shown.toX[a], shown.toY[a], shown.toX[b], shown.toY[b], HAIRLINE);
	}
	ctx.stroke();
	ctx.globalAlpha = 1;
}
var stamps = /* @__PURE__ */ new Map();
function stampsFor(marks, radius, ratio) {
	const name = `${radius}|${ratio}|${marks.map((m) => m.shape + m.color).join()}`;
	let found = stamps.get(name);
	if (found === void 0) {
		if (stamps.size > 12) stamps.clear();
		found = new Stamps(marks, radius, ratio, OPACITY);
		stamps.set(name, found);
	}
	return found;
}
function drawMarks(stage, shown, beyond) {
	const { ctx, ratio, tokens } = stage;
	const { layer, px, py, radius } = shown;
	const marks = [];
	const index = shown.marks.map((mark2) => {
		const known2 = marks.findIndex((other) => other.shape === mark2.shape && other.color === mark2.color);
		return known2 >= 0 ? known2 : marks.push(mark2) - 1;
	});
	const which = Int16Array.from(px, (x, i) => {
		const kind = kindOf(layer, i);
		return Number.isFinite(x) ? index[kind < 0 ? layer.kinds.length : kind] : -1;
	});
	const markOf2 = which.slice();
	for (const i of beyond) which[i] = -1;
	const canvas = ctx.canvas;
	const all = { x: px, y: py, mark: which, marks, radius, opacity: OPACITY };
	if (px.length >= GL_FROM && painter().draw(ctx, canvas.width / ratio, canvas.height / ratio, ratio, all)) {
		shown.drawn = "webgl";
	} else {
		const set = stampsFor(marks, radius, ratio);
		for (let i = 0; i < px.length; i++) if (which[i] >= 0) set.put(ctx, which[i], px[i], py[i]);
	}
	ctx.setLineDash([]);
	ctx.lineWidth = 1.25;
	ctx.fillStyle = tokens.ground;
	for (const i of beyond) {
		const mark2 = marks[markOf2[i]];
		if (mark2 === void 0) continue;
		outline(ctx, mark2.shape, px[i], py[i], radius);
		ctx.strokeStyle = mark2.color;
		ctx.fill();
		ctx.stroke();
	}
}
function sayNothing(stage, items) {
	const text = items === 0 ? "No items." : `None of ${items} items has a place: their coordinates are not finite.`;
	const width3 = stage.measure(text);
	const { box, tokens } = stage;
	const left = Math.max(box.left, (box.left + box.right - width3) / 2);
	const place4 = { left, top: (box.top + box.bottom - LINE) / 2, cost: 0 };
	stage.words.push({
		id: `${stage.key}/nothing`,
		text,
		color: tokens.second,
		bold: false,
		width: width3,
		height: LINE,
		places: [place4],
		rank: 90,
		tie: null
	});
}

// src/pen/gallery.ts
var TITLE = 13;
var UNDER = 16;
var MOST_TILE = 32;
var MOST_CELL = 104;
var GAP = 2;
var PLACES = "pairs";
function fitted(width3, height, tile2) {
	const times = tile2 / Math.max(1, width3, height);
	const whole2 = times >= 1 ? Math.floor(times) : times;
	return [Math.max(1, Math.round(width3 * whole2)), Math.max(1, Math.round(height * whole2))];
}
function said(words2) {
	return words2[1] === "" ? words2[0] : `${words2[1].replace(/^was /, "")} → ${words2[0]}`;
}
var drawGallery = (stage, layer) => {
	const { ctx, box, tokens, ratio } = stage;
	const { left, top } = box;
	const wide = box.right - left;
	const color = layer.kind === "positive" ? tokens.positiveText : tokens.negativeText;
	const places = [];
	ctx.save();
	ctx.font = font(tokens);
	ctx.fillStyle = color;
	letters(ctx, shortened(stage, layer.title, wide), left, top + SMALL, ratio);
	if (layer.empty !== "") {
		ctx.fillStyle = tokens.second;
		letters(ctx, shortened(stage, layer.empty, wide), left, top + TITLE + 20, ratio);
	}
	const tile2 = Math.round(Math.min(MOST_TILE, box.bottom - top - TITLE - UNDER));
	const count2 = layer.now.length;
	const widths2 = layer.said.map((words2) => numbers(stage, words2, null));
	const need = Math.max(2 * tile2 + GAP, ...widths2) + 4;
	const fits = Math.max(1, Math.min(count2, Math.floor((wide + 4) / need)));
	const cell = Math.min(MOST_CELL, wide / Math.max(fits, Math.min(5, Math.floor((wide + 4) / need))));
	for (let i = 0; i < fits && count2 > 0; i++) {
		const x = Math.round((left + i * cell) * ratio) / ratio;
		const y = Math.round((top + TITLE + 1) * ratio) / ratio;
		const [width3, height] = fitted(layer.first.shape[2] ?? 0, layer.first.shape[1] ?? 0, tile2);
		drawTile(stage, layer.first, i, layer.marks[i]?.[0] ?? "", x, y, tile2);
		drawTile(stage, layer.second, i, layer.marks[i]?.[1] ?? "", x + tile2 + GAP, y, tile2);
		stroke(stage, layer.kind, x, y + tile2 + 2.5, 2 * tile2 + GAP);
		numbers(stage, layer.said[i] ?? ["", ""], { x, y: y + tile2 + 14 });
		places.push({
			list: layer.key,
			index: i,
			left: x,
			top: y,
			tile: tile2,
			width: width3,
			height,
			said: said(layer.said[i] ?? ["", ""]),
			words: layer.words[i] ?? ["", ""]
		});
	}
	ctx.restore();
	const all = stage.local.get(PLACES) ?? {};
	stage.local.set(PLACES, { ...all, [layer.key]: places });
	stage.traces.push({
		key: "tiles",
		name: "tiles",
		role: "dots",
		color,
		px: Float64Array.of(NaN),
		py: Float64Array.of(NaN),
		value: Float64Array.of(NaN),
		valueName: "",
		ordered: false,
		readable: false
	});
};
function drawTile(stage, block, index, mark2, x, y, tile2) {
	const { ctx, tokens, ratio } = stage;
	const [, height = 0, width3 = 0] = block.shape;
	if (width3 === 0 || height === 0) {
		ctx.strokeStyle = tokens.hairline;
		ctx.lineWidth = 1;
		ctx.setLineDash([]);
		ctx.strokeRect(x + 0.5, y + 0.5, tile2 - 1, tile2 - 1);
		ctx.fillStyle = tokens.second;
		const text = shortened(stage, mark2, tile2 - 4);
		letters(ctx, text, x + (tile2 - stage.measure(text)) / 2, y + tile2 / 2 + SMALL / 2 - 1.5, ratio);
		return;
	}
	const picture2 = document.createElement("canvas");
	picture2.width = width3;
	picture2.height = height;
	const own = picture2.getContext("2d");
	if (own === null) return;
	const pixels = own.createImageData(width3, height);
	const from = index * width3 * height * 3;
	for (let i = 0; i < width3 * height; i++) {
		for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Number(block.data[from + 3 * i + c] ?? 0);
		pixels.data[4 * i + 3] = 255;
	}
	own.putImageData(pixels, 0, 0);
	const [w, h2] = fitted(width3, height, tile2);
	ctx.strokeStyle = tokens.hairline;
	ctx.lineWidth = 1;
	ctx.setLineDash([]);
	ctx.strokeRect(x - 0.5, y - 0.5, w + 1, h2 + 1);
	ctx.imageSmoothingEnabled = w < width3;
	ctx.drawImage(picture2, x, y, w, h2);
}
function stroke(stage, kind, x, y, length) {
	const { ctx, tokens } = stage;
	ctx.strokeStyle = kind === "positive" ? tokens.positive : tokens.negative;
	ctx.lineWidth = 2;
	ctx.setLineDash(kind === "positive" ? [] : [5, 3]);
	ctx.beginPath();
	ctx.moveTo(x, y);
	ctx.lineTo(x + length, y);
	ctx.stroke();
	ctx.setLineDash([]);
}
function numbers(stage, words2, at2) {
	const { ctx, tokens, ratio } = stage;
	const past = words2[1].replace(/^was /, "");
	const parts = past === "" ? [[words2[0], true]] : [[past, false], ["→", false], [words2[0], true]];
	let along = 0;
	for (const [text, bold] of parts) {
		if (at2 !== null) {
			ctx.font = font(tokens, bold);
			ctx.fillStyle = bold ? tokens.ink : tokens.second;
			letters(ctx, text, at2.x + along, at2.y, ratio);
		}
		along += stage.measure(text, bold) + 2;
	}
	return along - 2;
}

// src/theme.ts
var NAMES2 = {
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
var CLASSES = 8;
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
	for (const [name, variable] of Object.entries(NAMES2)) {
		tokens[name] = style.getPropertyValue(variable).trim() || (dark ? "#e8eaec" : "#15181b");
	}
	tokens.classes = Array.from({ length: CLASSES }, (_, i) => style.getPropertyValue(`--vg-class-${i}`).trim() || tokens.ink);
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
function stroke2(color, tokens) {
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
	const inside3 = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
	const place4 = (dark ? DARK_START + (1 - DARK_START) * inside3 : inside3) * (VIRIDIS.length - 1);
	const i = Math.min(VIRIDIS.length - 2, Math.floor(place4));
	const a = VIRIDIS[i];
	const b = VIRIDIS[i + 1];
	const mix = (k) => Math.round(a[k] + (b[k] - a[k]) * (place4 - i));
	return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}
var DIVERGING = {
	light: [[110, 44, 140], [243, 243, 243], [20, 112, 58]],
	dark: [[206, 140, 228], [44, 48, 51], [98, 198, 128]]
};
function diverging(part, dark) {
	const [low, middle, high] = DIVERGING[dark ? "dark" : "light"];
	const inside3 = Math.min(1, Math.max(-1, Number.isFinite(part) ? part : 0));
	const end = inside3 > 0 ? high : low;
	const mix = (k) => Math.round(middle[k] + (end[k] - middle[k]) * Math.abs(inside3));
	return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
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
	const width3 = stage.measure(layer.label);
	const y = Math.min(box.bottom, Math.max(box.top, exact));
	const places = [];
	for (let k = 0; k <= 10; k++) {
		const shift = (box.right - box.left - width3) * k / 10;
		const left = layer.side === "right" ? box.right - width3 - shift : box.left + 6 + shift;
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
		width: width3,
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
	const width3 = stage.measure(layer.label);
	const places = [];
	const late = layer.label_y === null ? exact - box.left > 0.66 * (box.right - box.left) : layer.anchor === "end";
	if (layer.label_y !== null) {
		const top = stage.y.to(layer.label_y) - LINE / 2;
		places.push({ left: late ? x - 5 - width3 : x + 5, top, cost: -1 });
	}
	for (let k = 0; k < 8; k++) {
		const top = box.top + 6 + k * (LINE + 3);
		if (top + LINE > box.bottom) break;
		places.push({ left: x + 5, top, cost: k + (late ? 1.5 : 0) });
		places.push({ left: x - 5 - width3, top, cost: k + (late ? 0 : 1.5) });
	}
	stage.words.push({
		id: `${stage.key}/mark/${layer.x}/${index}`,
		text: layer.label,
		color: tokens.second,
		bold: false,
		width: width3,
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
	const width3 = stage.measure(layer.text, layer.bold);
	const left = layer.anchor === "start" ? x : layer.anchor === "end" ? x - width3 : x - width3 / 2;
	const places = [{ left, top: y - LINE / 2, cost: 0 }];
	for (const near of around(x, y, width3, 7, layer.anchor)) places.push({ ...near, cost: near.cost + 1 });
	stage.words.push({
		id: `${stage.key}/label/${index}`,
		text: layer.text,
		color: wordColor(layer.color, stage.tokens),
		bold: layer.bold,
		width: width3,
		height: LINE,
		places,
		rank: (layer.bold ? 75 : 70) - index / 10,
		tie: null
	});
};

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
function thinned2(px, py, width3) {
	const n = px.length;
	const columns = Math.max(1, Math.ceil(width3));
	if (n <= columns * POINTS_A_PIXEL) return { px, py };
	const keep2 = [];
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
			keep2.push(i);
			i += 1;
			continue;
		}
		group.push(first, i - 1);
		if (low >= 0) group.push(low, high);
		keep2.push(...[...new Set(group)].sort((a, b) => a - b));
	}
	return { px: Float64Array.from(keep2, (k) => px[k]), py: Float64Array.from(keep2, (k) => py[k]) };
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
	return thinned2(px, py, stage.box.right - stage.box.left);
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
	const color = stroke2(layer.color, tokens);
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
	const ordered2 = isOrdered(path.px);
	stage.traces.push({
		key: layer.key,
		name: named(layer.key),
		role: layer.color === "reference" || layer.color === "rule" ? "reference" : "data",
		color,
		px: path.px,
		py: path.py,
		ordered: ordered2,
		readable: ordered2 && layer.color !== "rule"
	});
	if (layer.label !== "" && last !== void 0) {
		const width3 = stage.measure(layer.label);
		stage.words.push({
			id: `${stage.key}/line/${layer.key}`,
			text: layer.label,
			color: wordColor(layer.color, tokens),
			bold: false,
			width: width3,
			height: LINE,
			places: layer.fill ? peakPlaces(path, width3) : alongPlaces(stage, path, width3),
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
function alongPlaces(stage, path, width3) {
	const places = [];
	const finite = [];
	for (let i = 0; i < path.px.length; i++) if (Number.isFinite(path.py[i]) && Number.isFinite(path.px[i])) finite.push(i);
	const from = Math.min(...finite.map((i) => path.px[i]));
	const to = Math.max(...finite.map((i) => path.px[i]));
	for (let k = 0; k <= 12; k++) {
		const right = Math.min(stage.box.right, to) - (to - from) * k / 12;
		const left = Math.max(stage.box.left, right - width3);
		let high = Infinity;
		let low = -Infinity;
		for (const i of finite) {
			const x = path.px[i];
			if (x < left - 3 || x > left + width3 + 3) continue;
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
function peakPlaces(path, width3) {
	let top = 0;
	for (let i = 1; i < path.py.length; i++) if (path.py[i] < path.py[top]) top = i;
	const x = path.px[top];
	const y = path.py[top];
	const side = (sign, drop) => {
		let i = top;
		while (i > 0 && i < path.px.length - 1 && path.py[i] < y + drop + LINE) i += sign;
		const edge = path.px[i];
		return { left: sign < 0 ? edge - 8 - width3 : edge + 8, top: y + drop, cost: 2 + drop / 6 };
	};
	return [
		{ left: x - width3 / 2, top: y - LINE - 3, cost: 0 },
		side(-1, 2),
		side(1, 2),
		side(-1, 10),
		side(1, 10),
		side(-1, 20),
		side(1, 20)
	];
}

// src/pen/heat.ts
var STOPS = 254;
var NOTHING2 = 255;
var RIM = "rgba(21, 24, 27, 0.55)";
var WHITE = "#ffffff";
var KEY_BAR = 48;
var BUTTON = 40;
var PAD = 4;
var tables = /* @__PURE__ */ new Map();
function table(dark) {
	let found = tables.get(dark);
	if (found === void 0) {
		found = new Uint8ClampedArray(3 * (STOPS + 1));
		for (let stop = 0; stop <= STOPS; stop++) {
			const [r, g, b] = viridis(stop / STOPS, dark).match(/\d+/g).map(Number);
			found.set([r, g, b], 3 * stop);
		}
		tables.set(dark, found);
	}
	return found;
}
function cells(edges, count2) {
	const found = new Int32Array(count2).fill(-1);
	for (let cell = 0; cell + 1 < edges.length; cell++) {
		const low = Math.min(edges[cell], edges[cell + 1]);
		const high = Math.max(edges[cell], edges[cell + 1]);
		const from = Math.max(0, Math.ceil(low - 0.5));
		const to = Math.min(count2, Math.ceil(high - 0.5));
		for (let i = from; i < to; i++) found[i] = cell;
	}
	return found;
}
function paint(rows, column, row, dark) {
	const colours = table(dark);
	const pixels = new Uint8ClampedArray(4 * column.length * row.length);
	let p = 0;
	for (const r of row) {
		const values = r < 0 ? void 0 : rows[r];
		for (const c of column) {
			const value = values === void 0 || c < 0 ? NOTHING2 : values[c] ?? NOTHING2;
			if (value <= STOPS) {
				const k = 3 * value;
				pixels[p] = colours[k];
				pixels[p + 1] = colours[k + 1];
				pixels[p + 2] = colours[k + 2];
				pixels[p + 3] = 255;
			}
			p += 4;
		}
	}
	return pixels;
}
var drawHeat = (stage, layer) => {
	const { ctx, box, ratio, tokens } = stage;
	const left = Math.round(box.left * ratio);
	const top = Math.round(box.top * ratio);
	const width3 = Math.round(box.right * ratio) - left;
	const height = Math.round(box.bottom * ratio) - top;
	const across = Float64Array.from(layer.x, (v) => stage.x.to(v) * ratio - left);
	const down = Float64Array.from(layer.y, (v) => stage.y.to(v) * ratio - top);
	if (width3 > 0 && height > 0) {
		const pixels = paint(rowsOf(layer.values), cells(across, width3), cells(down, height), tokens.dark);
		const sheet = document.createElement("canvas");
		sheet.width = width3;
		sheet.height = height;
		sheet.getContext("2d")?.putImageData(new ImageData(pixels, width3, height), 0, 0);
		ctx.save();
		ctx.imageSmoothingEnabled = false;
		ctx.drawImage(sheet, left / ratio, top / ratio, width3 / ratio, height / ratio);
		ctx.restore();
	}
	traceColumns(stage, layer, across, left);
	drawKey2(stage, layer);
	for (const curve2 of layer.over) drawCurve(stage, curve2);
};
function traceColumns(stage, layer, across, left) {
	const rows = rowsOf(layer.values);
	const count2 = layer.steps.length;
	const px = new Float64Array(count2);
	const py = new Float64Array(count2);
	const value = new Float64Array(count2);
	for (let c = 0; c < count2; c++) {
		let last = rows.length - 1;
		while (last >= 0 && (rows[last][c] ?? NOTHING2) > STOPS) last -= 1;
		const step = at(layer.steps, c);
		px[c] = Number.isFinite(step) ? stage.x.to(step) : ((across[c] + across[c + 1]) / 2 + left) / stage.ratio;
		py[c] = last < 0 ? NaN : stage.y.to(at(layer.y, last + 1));
		value[c] = step;
	}
	const trace = { key: layer.key, name: named(layer.key), role: "reference", color: stage.tokens.ink };
	stage.traces.push({ ...trace, px, py, value, valueName: "step", ordered: true, readable: false });
}
function drawKey2(stage, layer) {
	const { ctx, box, tokens, ratio } = stage;
	const [low, high] = layer.ends;
	const base = box.top - 7;
	ctx.save();
	ctx.font = font(tokens);
	ctx.fillStyle = tokens.second;
	const right = box.right - BUTTON - stage.measure(high);
	letters(ctx, high, right, base, ratio);
	const bar = Math.round((right - 5 - KEY_BAR) * ratio) / ratio;
	letters(ctx, low, bar - 5 - stage.measure(low), base, ratio);
	for (let i = 0; i < KEY_BAR; i++) {
		ctx.fillStyle = viridis(i / (KEY_BAR - 1), tokens.dark);
		ctx.fillRect(bar + i, base - 7, 1.5, 7);
	}
	ctx.restore();
}
function drawCurve(stage, curve2) {
	if (curve2.label !== "") addWords(stage, curve2);
	if (curve2.x.length === 0) return;
	const { ctx, box, tokens, ratio } = stage;
	const n = Math.min(curve2.x.length, curve2.y.length);
	const exact = { px: new Float64Array(n), py: new Float64Array(n) };
	for (let i = 0; i < n; i++) {
		exact.px[i] = stage.x.to(at(curve2.x, i));
		exact.py[i] = stage.y.to(at(curve2.y, i));
	}
	const path = thinned2(exact.px, exact.py, box.right - box.left);
	const ghost = curve2.color === "ghost";
	const wide = ghost ? 1.25 : curve2.dash === "chance" ? 1.25 : 1.75;
	ctx.save();
	ctx.beginPath();
	ctx.rect(box.left, box.top - 1, box.right - box.left + 1, box.bottom - box.top + 2);
	ctx.clip();
	ctx.lineJoin = "round";
	ctx.setLineDash(DASHES[curve2.dash]);
	ctx.beginPath();
	for (const [from, to] of runs(path)) {
		const flat = path.py.subarray(from, to).every((y2) => y2 === path.py[from]);
		const y = (i) => flat ? crisp(path.py[i], ratio) : path.py[i];
		ctx.moveTo(path.px[from], y(from));
		if (to - from === 1) ctx.lineTo(path.px[from] + wide, y(from));
		for (let i = from + 1; i < to; i++) {
			ctx.lineTo(path.px[i], y(i));
			stage.ink.segment(path.px[i - 1], y(i - 1), path.px[i], y(i));
		}
	}
	ctx.strokeStyle = RIM;
	ctx.lineWidth = wide + 1.5;
	ctx.stroke();
	ctx.strokeStyle = ghost ? tokens.ghost : WHITE;
	ctx.lineWidth = wide;
	ctx.stroke();
	ctx.restore();
	const reference = curve2.dash === "chance";
	stage.traces.push({
		key: curve2.key,
		name: named(curve2.key),
		role: reference ? "reference" : "data",
		color: ghost ? tokens.ghost : tokens.ink,
		px: path.px,
		py: path.py,
		ordered: true,
		readable: true
	});
}
function addWords(stage, curve2) {
	const width3 = stage.measure(curve2.label) + 2 * PAD;
	const left = stage.x.to(curve2.label_x) - width3 + PAD;
	const top = stage.y.to(curve2.label_y) - LINE / 2;
	const places = [{ left, top, cost: 0 }];
	for (let k = 1; k <= 8; k++) {
		for (const down of [0, -18, 18]) places.push({ left: left - 22 * k, top: top + down, cost: k + Math.abs(down) / 9 });
	}
	stage.words.push({
		id: `${stage.key}/over/${curve2.key}`,
		text: curve2.label,
		color: WHITE,
		bold: false,
		width: width3,
		height: LINE,
		places,
		rank: 70,
		tie: null,
		paint: (ctx, box) => {
			ctx.save();
			ctx.font = font(stage.tokens);
			ctx.lineJoin = "round";
			ctx.setLineDash([]);
			ctx.strokeStyle = RIM;
			ctx.lineWidth = 2.5;
			ctx.fillStyle = WHITE;
			letters(ctx, curve2.label, box.left + PAD, box.bottom - 3, stage.ratio, true);
			ctx.restore();
		}
	});
}

// src/attention/layout.ts
function freshView() {
	return { query: null, open: null, row: 0, column: 0, firstRow: 0, firstColumn: 0, inGrid: false, moving: false };
}
var PICTURE = 56;
var LEFT = 90;
var KEY_WIDTH = 60;
var HEAD2 = 15;
var LINE3 = 14;
var ROLLOUT = 40;
var APART2 = 7;
var ENTROPY = 46;
var LEAST = 12;
var GAP2 = 3;
var TALLEST_STRIP = 34;
var between2 = (value, low, high) => Math.max(low, Math.min(high, value));
function firstOf(first, wanted, seen2, count2) {
	let from = between2(first, 0, count2 - seen2);
	if (wanted !== null) from = between2(from, wanted - seen2 + 1, wanted);
	return between2(from, 0, Math.max(0, count2 - seen2));
}
function evenSide(unit, ratio) {
	const device = unit * ratio;
	return device >= 4 ? Math.floor(device) / ratio : unit;
}
function word(text, x, y, align = "start", more = {}) {
	return { text, x, y, align, color: "second", bold: false, ...more };
}
function wrapped(text, width3, measure) {
	const lines = [];
	let line3 = "";
	for (const part of text.split(" ")) {
		const longer = line3 === "" ? part : `${line3} ${part}`;
		if (line3 !== "" && measure(longer) > width3) {
			lines.push(line3);
			line3 = part;
		} else line3 = longer;
	}
	return line3 === "" ? lines : [...lines, line3];
}
function queryName(layer, query) {
	if (query === null) return layer.query;
	const patch = query - layer.prefix;
	const [rows, columns] = layer.grid;
	if (patch < 0) return `token ${query}`;
	if (rows === 1) return `token ${patch + 1} of ${columns}`;
	return `row ${Math.floor(patch / columns) + 1}, column ${patch % columns + 1}`;
}
function layGrid(layer, box, view, ratio, measure) {
	const rolled = layer.rollout.length > 0;
	const [down, across] = layer.grid;
	const freeY = box.bottom - box.top - HEAD2;
	const freeX = box.right - box.left - LEFT - ENTROPY - (rolled ? ROLLOUT + APART2 : 0);
	const rows = Math.min(layer.layers.length, Math.max(1, Math.floor(freeY / LEAST)));
	const columns = Math.min(layer.heads, Math.max(1, Math.floor(freeX / LEAST)));
	let pitchX = freeX / columns;
	let pitchY = freeY / rows;
	const gap = Math.min(pitchX, pitchY) < 16 ? 1.5 : GAP2;
	if (down > 1) {
		const alone = Math.min((pitchX - gap) / across, (pitchY - gap) / down);
		const beside = (freeX + ROLLOUT - (columns + 1) * gap) / (columns + 1) / across;
		const unit = rolled ? Math.max(Math.min(alone, beside), Math.min(alone, ROLLOUT / across)) : alone;
		pitchX = evenSide(unit, ratio) * across + gap;
		pitchY = evenSide(unit, ratio) * down + gap;
		pitchY = Math.max(pitchY, Math.min(LEAST, freeY / rows));
	} else pitchY = Math.min(pitchY, TALLEST_STRIP + gap);
	const side = pitchX - gap;
	const tall = down > 1 ? side / across * down : pitchY - gap;
	const left = box.left + LEFT;
	const top = box.top + HEAD2;
	const firstRow = firstOf(view.firstRow, view.inGrid ? view.row : null, rows, layer.layers.length);
	const firstColumn = firstOf(view.firstColumn, view.inGrid ? view.column : null, columns, layer.heads);
	const cells2 = [];
	for (let i = 0; i < rows; i++) {
		for (let j = 0; j < columns; j++) {
			const x = left + j * pitchX;
			const y = top + i * pitchY;
			const index = (firstRow + i) * layer.heads + firstColumn + j;
			cells2.push({ index, row: firstRow + i, column: firstColumn + j, box: { left: x, top: y, right: x + side, bottom: y + tall } });
		}
	}
	let right = left + columns * pitchX - gap;
	const words2 = [];
	const header = box.top + HEAD2 / 2 - 1;
	if (rolled) {
		const wide = Math.max(side, evenSide(ROLLOUT / across, ratio) * across);
		right += APART2 + gap;
		cells2.push({ index: -1, row: 0, column: 0, box: { left: right, top, right: right + wide, bottom: top + (down > 1 ? wide / across * down : tall) } });
		right += Math.max(wide, ROLLOUT);
		words2.push(word("rollout", right - Math.max(wide, ROLLOUT) / 2, header, "middle"));
	}
	const end = Math.min(box.right, right + ENTROPY);
	words2.push(word("layer", left - 6, header, "end"), word("entropy", end, header, "end"));
	for (let i = 0; i < rows; i++) {
		const y = top + i * pitchY + tall / 2;
		words2.push(word(layer.layers[firstRow + i] ?? "", left - 6, y, "end"), word(layer.said[firstRow + i] ?? "", end, y, "end"));
	}
	words2.push(...headNumbers(layer, columns, firstColumn, left, pitchX, side, header, measure));
	const under = captions(layer, box, view, measure, rows, columns, firstRow, firstColumn);
	return { cells: cells2, words: [...words2, ...under.words], picture: under.picture, key: under.key, itemAt: under.itemAt, showAt: under.showAt, bottom: box.bottom, rows, columns };
}
function headNumbers(layer, columns, first, left, pitch, side, y, measure) {
	const words2 = [];
	const widest = measure(String(layer.heads)) + 5;
	const every = Math.max(1, Math.ceil(widest / pitch));
	for (let j = 0; j < columns; j += every) {
		const long = `head ${first + j + 1}`;
		const named2 = j === 0 && measure(long) < Math.min(pitch * every - 2, side + 10);
		words2.push(word(named2 ? long : String(first + j + 1), left + j * pitch + side / 2, y, "middle"));
	}
	return words2;
}
function captions(layer, box, view, measure, rows, columns, firstRow, firstColumn) {
	const room = LEFT - 24;
	const words2 = [];
	const picture2 = layer.picture.shape[0] > 0 ? { left: box.left, top: box.top + 2, right: box.left + PICTURE, bottom: box.top + 2 + PICTURE } : null;
	let y = picture2 === null ? box.top + 8 : picture2.bottom + 11;
	const itemAt = { x: box.left, y };
	const say = (text) => {
		for (const line3 of wrapped(text, room, measure)) {
			words2.push(word(line3, box.left, y));
			y += LINE3;
		}
	};
	const caption = layer.caption;
	if (layer.items.length > 1) y += LINE3;
	else say(caption[0] ?? "");
	const known2 = view.query !== null && layer.full.shape[0] > 0;
	say(`query: ${queryName(layer, known2 ? view.query : null)}`);
	const aside = columns < layer.heads;
	const scrolled = rows < layer.layers.length;
	const of = (count2) => aside && scrolled ? "" : ` of ${count2}`;
	if (scrolled) say(`layers ${layer.layers[firstRow]}–${layer.layers[firstRow + rows - 1]}${of(layer.layers.length)}`);
	if (aside) say(`heads ${firstColumn + 1}–${firstColumn + columns}${of(layer.heads)}`);
	if (caption.length > 1 && !known2 && !scrolled) say(caption[caption.length - 1]);
	const key = { left: box.left, top: y - 4, right: box.left + KEY_WIDTH, bottom: y + 3 };
	y = key.bottom + 9;
	const [low, high] = layer.ends;
	words2.push(word(low, box.left, y), word(high.split(" ")[0], key.right, y, "end"));
	y += LINE3;
	return { words: words2, picture: picture2, key, itemAt, showAt: { x: box.left, y: y + 2 } };
}
function layLarge(layer, box, view, numbers2, measure) {
	const [down, across] = layer.grid;
	const height = box.bottom - box.top - HEAD2 - 4;
	const width3 = box.right - box.left;
	const index = view.open ?? 0;
	const row = Math.floor(index / layer.heads);
	const title = `layer ${layer.layers[row] ?? ""}, head ${index % layer.heads + 1}`;
	const column = Math.max(...numbers2.map((text) => measure(text)), measure("query: row 10,"), 60) + 12;
	const hasPicture = layer.picture.shape[0] > 0 && down > 1;
	const free = width3 - column - 14;
	const wide = hasPicture ? (free - 14) / 2 : free;
	const unit = down > 1 ? Math.min(wide / across, height / down) : wide / across;
	const side = unit * across;
	const tall = down > 1 ? unit * down : Math.min(60, height);
	const top = box.top + HEAD2 + 2;
	const picture2 = hasPicture ? { left: box.left, top, right: box.left + side, bottom: top + tall } : null;
	const left = picture2 === null ? box.left : picture2.right + 14;
	const cells2 = [{ index, row, column: index % layer.heads, box: { left, top, right: left + side, bottom: top + tall } }];
	const words2 = [word(title, left, box.top + HEAD2 / 2 - 1, "start", { color: "ink", bold: true })];
	if (picture2 !== null) words2.push(word(layer.caption.slice(0, -1).join(", "), box.left, box.top + HEAD2 / 2 - 1));
	const x = left + side + 14;
	let y = top + 6;
	const known2 = view.query !== null && layer.full.shape[0] > 0;
	for (const line3 of wrapped(`query: ${queryName(layer, known2 ? view.query : null)}`, column, measure)) {
		words2.push(word(line3, x, y));
		y += LINE3;
	}
	for (const text of numbers2) {
		words2.push(word(text, x, y));
		y += LINE3;
	}
	const key = { left: x, top: y + 2, right: x + KEY_WIDTH, bottom: y + 9 };
	const [low, high] = layer.ends;
	words2.push(word(low, x, key.bottom + 9), word(high.split(" ")[0], key.right, key.bottom + 9, "end"));
	return { cells: cells2, words: words2, picture: picture2, key, itemAt: { x: 0, y: -1 }, showAt: { x: 0, y: -1 }, bottom: box.bottom, rows: 1, columns: 1 };
}
function patchAt(grid, box, x, y) {
	if (x < box.left || x >= box.right || y < box.top || y >= box.bottom) return -1;
	const [rows, columns] = grid;
	const column = Math.min(columns - 1, Math.floor((x - box.left) / (box.right - box.left) * columns));
	const row = Math.min(rows - 1, Math.floor((y - box.top) / (box.bottom - box.top) * rows));
	return row * columns + column;
}
function patchBox(grid, box, patch) {
	const [rows, columns] = grid;
	const wide = (box.right - box.left) / columns;
	const tall = (box.bottom - box.top) / rows;
	const left = box.left + patch % columns * wide;
	const top = box.top + Math.floor(patch / columns) * tall;
	return { left, top, right: left + wide, bottom: top + tall };
}

// src/attention/values.ts
var hasFull = (layer) => layer.full.shape[0] > 0;
var keysOf = (layer) => layer.levels.shape[1];
function rowOf(layer, index, query) {
	const keys = keysOf(layer);
	if (index < 0) return decode(layer.rollout, 0, keys, layer.rollout_scale ?? NaN, false);
	if (query !== null && hasFull(layer)) {
		const queries = layer.full_scale.shape[1];
		const row = index * queries + query;
		return decode(layer.full.data, row * keys, keys, at(layer.full_scale.data, row), layer.signed);
	}
	return decode(layer.levels.data, index * keys, keys, at(layer.scale, index), layer.signed);
}
function decode(bytes, from, count2, scale2, signed) {
	if (!Number.isFinite(scale2)) return null;
	const values = new Float64Array(count2);
	for (let i = 0; i < count2; i++) {
		const byte = Number(bytes[from + i]);
		values[i] = signed ? (byte - 128) / 127 * scale2 : byte / 255 * scale2;
	}
	return values;
}
function largest(values, prefix) {
	let most = 0;
	for (let i = prefix; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
	return most;
}

// src/pen/maps.ts
var VIEW = "attention/view";
var LAID = "attention/laid";
var ramps = /* @__PURE__ */ new Map();
function ramp(signed, dark) {
	const name = `${signed}/${dark}`;
	let found = ramps.get(name);
	if (found === void 0) {
		found = new Uint8ClampedArray(256 * 4);
		for (let i = 0; i < 256; i++) {
			const colour = signed ? diverging(i / 127.5 - 1, dark) : viridis(i / 255, dark);
			const [r = 0, g = 0, b = 0] = (colour.match(/\d+/g) ?? []).map(Number);
			found.set([r, g, b, 255], i * 4);
		}
		ramps.set(name, found);
	}
	return found;
}
function canvasOf(width3, height, pixels) {
	const canvas = document.createElement("canvas");
	canvas.width = width3;
	canvas.height = height;
	const ctx = canvas.getContext("2d");
	const image = ctx?.createImageData(width3, height);
	if (ctx == null || image === void 0) throw new Error("this browser gives no canvas to draw on");
	image.data.set(pixels);
	ctx.putImageData(image, 0, 0);
	return canvas;
}
function paint2(layer, values, dark, sheet, from) {
	const [rows, columns] = layer.grid;
	const colours = ramp(layer.signed, dark);
	const top = largest(values, layer.prefix) || 1;
	for (let i = 0; i < rows * columns; i++) {
		const part = values[layer.prefix + i] / top;
		const colour = 4 * Math.round(layer.signed ? (part + 1) * 127.5 : part * 255);
		for (let k = 0; k < 4; k++) sheet[from + 4 * i + k] = colours[colour + k];
	}
}
var drawMaps = (stage, layer) => {
	const view = stage.local.get(VIEW) ?? freshView();
	const laid = view.open === null ? layGrid(layer, stage.box, view, stage.ratio, stage.measure) : layLarge(layer, stage.box, view, numbersOf(layer, view), stage.measure);
	stage.local.set(LAID, laid);
	drawCells(stage, layer, laid, view);
	drawKey3(stage, layer, laid);
	if (laid.picture !== null) drawItem(stage, layer, laid.picture);
	if (view.query !== null && view.query >= layer.prefix) drawQuery(stage, layer, laid, view.query - layer.prefix);
	const { ctx, tokens } = stage;
	for (const word2 of laid.words) {
		ctx.font = font(tokens, word2.bold);
		ctx.fillStyle = tokens[word2.color];
		const width3 = stage.measure(word2.text, word2.bold);
		const left = word2.align === "start" ? word2.x : word2.align === "end" ? word2.x - width3 : word2.x - width3 / 2;
		letters(ctx, word2.text, left, word2.y + 4, stage.ratio);
	}
};
function numbersOf(layer, view) {
	const index = view.open ?? 0;
	const values = rowOf(layer, index, view.query);
	const found = [
		`entropy ${number(at(layer.entropy, index))}`,
		`distance ${number(at(layer.distance, index))}`,
		`sink mass ${number(at(layer.sinks, index), 3)}`
	];
	if (values === null) return ["no such head"];
	found.push(`max ${number(largest(values, layer.prefix), 3)}`);
	if (layer.prefix > 0) {
		let before = 0;
		for (let i = 0; i < layer.prefix; i++) before += values[i];
		found.push(`${layer.prefix === 1 ? "CLS" : "prefix"} gets ${number(before, 3)}`);
	}
	return found;
}
function drawCells(stage, layer, laid, view) {
	const { ctx, tokens, ratio } = stage;
	const [rows, columns] = layer.grid;
	const values = laid.cells.map((cell) => rowOf(layer, cell.index, cell.index < 0 ? null : view.query));
	const sheet = new Uint8ClampedArray(laid.cells.length * rows * columns * 4);
	values.forEach((one, i) => one !== null && paint2(layer, one, tokens.dark, sheet, i * rows * columns * 4));
	const canvas = canvasOf(columns, rows * laid.cells.length, sheet);
	ctx.save();
	ctx.setLineDash([]);
	laid.cells.forEach((cell, i) => {
		const { left, top, right, bottom } = whole(cell.box, ratio);
		const found = values[i] ?? null;
		if (found === null) {
			ctx.strokeStyle = tokens.hairline;
			ctx.lineWidth = 1;
			ctx.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
		} else {
			ctx.imageSmoothingEnabled = (right - left) / columns * ratio < 1 || (bottom - top) / rows * ratio < 1;
			ctx.drawImage(canvas, 0, i * rows, columns, rows, left, top, right - left, bottom - top);
			note(stage, layer, cell, found);
		}
		const here = view.inGrid && !view.moving && view.open === null && cell.row === view.row && cell.column === view.column;
		if (here && cell.index >= 0) outline2(ctx, { left: left - 1, top: top - 1, right: right + 1, bottom: bottom + 1 }, tokens.action, tokens.ground);
	});
	ctx.restore();
}
function note(stage, layer, cell, values) {
	const name = cell.index < 0 ? "rollout" : `${layer.layers[cell.row]}/${cell.column + 1}`;
	stage.traces.push({
		key: name,
		name,
		role: "data",
		color: stage.tokens.ink,
		px: Float64Array.from({ length: keysOf(layer) }, (_, i) => stage.x.to(i)),
		py: values.map((value) => stage.y.to(value)),
		ordered: true,
		readable: false
	});
}
function whole(box, ratio) {
	const snap = (value) => Math.round(value * ratio) / ratio;
	return { left: snap(box.left), top: snap(box.top), right: snap(box.right), bottom: snap(box.bottom) };
}
function drawItem(stage, layer, box) {
	const [rows = 0, columns = 0] = layer.picture.shape;
	const pixels = new Uint8ClampedArray(rows * columns * 4).fill(255);
	for (let i = 0; i < rows * columns; i++) for (let k = 0; k < 3; k++) pixels[i * 4 + k] = at(layer.picture.data, i * 3 + k);
	const { ctx } = stage;
	const { left, top, right, bottom } = whole(box, stage.ratio);
	ctx.save();
	ctx.imageSmoothingEnabled = right - left < columns;
	ctx.drawImage(canvasOf(columns, rows, pixels), left, top, right - left, bottom - top);
	ctx.restore();
}
function drawKey3(stage, layer, laid) {
	const { ctx, tokens } = stage;
	const { left, top, right, bottom } = laid.key;
	for (let x = left; x < right; x += 1) {
		const part = (x - left) / (right - left - 1);
		ctx.fillStyle = layer.signed ? diverging(2 * part - 1, tokens.dark) : viridis(part, tokens.dark);
		ctx.fillRect(x, top, 1.5, bottom - top);
	}
}
function drawQuery(stage, layer, laid, patch) {
	const { ctx, tokens, ratio } = stage;
	const boxes = hasFull(layer) ? laid.cells.filter((cell) => cell.index >= 0).map((cell) => cell.box) : [];
	if (laid.picture !== null) boxes.unshift(laid.picture);
	for (const box of boxes) {
		const place4 = whole(patchBox(layer.grid, box, patch), ratio);
		if (place4.right - place4.left >= 3) outline2(ctx, place4, tokens.dark ? tokens.ground : tokens.ink, tokens.dark ? tokens.ink : tokens.ground);
	}
}
function outline2(ctx, box, inner, outer) {
	ctx.setLineDash([]);
	for (const [colour, grow, width3] of [[outer, 1, 1], [inner, 0, 1.5]]) {
		ctx.strokeStyle = colour;
		ctx.lineWidth = width3;
		ctx.strokeRect(box.left - grow, box.top - grow, box.right - box.left + 2 * grow, box.bottom - box.top + 2 * grow);
	}
}

// src/pen/measures.ts
function freeHeight(stage, layer, left, right, width3) {
	const { box } = stage;
	const wanted = stage.y.to(layer.y);
	const half = LINE / 2 + 1;
	const free = (y) => [left - 6 - width3, left - 4].some((from) => {
		const to = from === left - 4 ? right + 6 + width3 : right + 4;
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
	const width3 = stage.measure(layer.label);
	const y = crisp(freeHeight(stage, layer, left, right, width3), stage.ratio);
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
		width: width3,
		height: LINE,
		places: [
			{ left: left - 6 - width3, top: y - LINE / 2, cost: layer.side === "left" ? 0 : 1 },
			{ left: right + 6, top: y - LINE / 2, cost: layer.side === "right" ? 0 : 1 },
			{ left: mid - width3 / 2, top: y - LINE - 5, cost: 2 },
			{ left: mid - width3 / 2, top: y + 6, cost: 2.5 }
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
	const inside3 = (y) => Math.min(box.bottom, Math.max(box.top, y));
	ctx.save();
	ctx.setLineDash([]);
	ctx.strokeStyle = tokens.ink;
	ctx.lineWidth = 1;
	ctx.beginPath();
	ctx.moveTo(x, inside3(low));
	ctx.lineTo(x, inside3(high));
	ctx.moveTo(x - 3, inside3(low));
	ctx.lineTo(x + 3, inside3(low));
	ctx.stroke();
	ctx.restore();
	stage.ink.segment(x, inside3(low), x, inside3(high));
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
	const width3 = stage.measure(layer.label, true);
	const asked = layer.label_y == null ? NaN : stage.y.to(layer.label_y);
	const middle = (Number.isFinite(asked) ? asked : (inside3(low) + inside3(high)) / 2) - LINE / 2;
	stage.words.push({
		id: `${stage.key}/bracket/${layer.key}`,
		text: layer.label,
		color: tokens.ink,
		bold: true,
		width: width3,
		height: LINE,
		places: [
			{ left: x - 6 - width3, top: middle, cost: 0 },
			{ left: x + 6, top: middle, cost: 1 },
			{ left: x - 6 - width3, top: Math.max(low, high) - LINE - 3, cost: 2 },
			{ left: x - 6 - width3, top: Math.min(low, high) + 3, cost: 2 }
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
function outline3(ctx, path, [from, to], top) {
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
		const line3 = crisp(base, ratio);
		stage.rows.push({ step: layer.steps[r], base });
		ctx.setLineDash([]);
		ctx.strokeStyle = tokens.hairline;
		ctx.lineWidth = 0.75;
		ctx.beginPath();
		ctx.moveTo(box.left, line3);
		ctx.lineTo(box.right, line3);
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
			outline3(ctx, path, part, ceiling);
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
			outline3(ctx, path, part, ceiling);
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
var KEY_BAR2 = 72;
function ends(layer) {
	const whole2 = layer.value_name.startsWith("step");
	const say = (v) => whole2 ? count(v) : number(v);
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
	const width3 = stage.measure("now", true);
	stage.words.push({
		id: `${stage.key}/now`,
		text: "now",
		color: tokens.ink,
		bold: true,
		width: width3,
		height: LINE,
		places: [
			{
				left: layer.now_side === "left" ? cx - 9 - width3 : cx + 9,
				top: layer.now_below ? cy + 2 : cy - 2 - LINE,
				cost: 0
			},
			...around(cx, cy, width3, 10, layer.now_side === "left" ? "end" : "start").map((p) => ({ ...p, cost: p.cost + 1 }))
		],
		rank: 90,
		tie: { x: cx, y: cy }
	});
}
function addKey(stage, layer) {
	const { box, tokens } = stage;
	const [low, high] = ends(layer);
	const lowWidth = stage.measure(low);
	const width3 = lowWidth + 5 + KEY_BAR2 + 5 + stage.measure(high);
	const corner = (right, top, cost) => ({
		left: right ? box.right - width3 : box.left + 8,
		top: top ? box.top + 4 : box.bottom - LINE - 6,
		cost
	});
	const asked = [];
	if (layer.key_at !== null) {
		const [x, y] = layer.key_at;
		asked.push({ left: stage.x.to(x) - width3, top: stage.y.to(y) - LINE / 2, cost: -1 });
	}
	stage.words.push({
		id: `${stage.key}/key`,
		text: `${low} to ${high}`,
		color: tokens.second,
		bold: false,
		width: width3,
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
			for (let i = 0; i < KEY_BAR2; i++) {
				ctx.fillStyle = viridis(i / (KEY_BAR2 - 1), tokens.dark);
				ctx.fillRect(left + i, at_.top + 3, 1.5, 7);
			}
		}
	});
}

// src/pen/weights.ts
var drawWeights = () => void 0;

// src/pen/picture.ts
var PENS = {
	line: drawLine,
	rule: drawRule,
	mark: drawMark,
	points: drawPoints,
	span: drawSpan,
	bracket: drawBracket,
	label: drawLabel,
	ridge: drawRidge,
	heat: drawHeat,
	cloud: drawCloud,
	maps: drawMaps,
	bars: drawBars,
	gallery: drawGallery,
	weights: drawWeights
};
var widths = /* @__PURE__ */ new Map();
function measurer(ctx, tokens) {
	return (text, bold = false) => {
		const name = `${font(tokens, bold)}|${text}`;
		let width3 = widths.get(name);
		if (width3 === void 0) {
			ctx.font = font(tokens, bold);
			width3 = ctx.measureText(text).width;
			if (widths.size > 4e3) widths.clear();
			widths.set(name, width3);
		}
		return width3;
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
	const { ctx, width: width3, height, ratio, tokens } = paper;
	const measure = measurer(ctx, tokens);
	ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
	ctx.clearRect(0, 0, width3, height);
	ctx.textBaseline = "alphabetic";
	const boxes = layPlots(panel.plots, width3, height, measure);
	const picture2 = { stages: [], plots: panel.plots, words: [], beyond: 0 };
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
			measure,
			local: paper.local,
			asset: paper.asset
		};
		drawAxes(stage, plot);
		plot.layers.forEach((layer, k) => draw(stage, layer, k));
		picture2.words.push(...writeWords(stage, paper.memory));
		picture2.stages.push(stage);
		picture2.beyond += stage.beyond;
	});
	return picture2;
}
function writeWords(stage, memory) {
	const { box } = stage;
	const over = stage.yAxis.name === "" ? BARE_ROW - 1 : 0;
	const bounds = { left: box.left + 3, top: box.top - over, right: box.right, bottom: box.bottom };
	const byId = /* @__PURE__ */ new Map();
	const requests = [];
	for (const words2 of stage.words) {
		byId.set(words2.id, words2);
		requests.push(words2);
	}
	const written = [];
	for (const { id, box: at2, clear } of place2(requests, bounds, stage.ink, memory)) {
		const words2 = byId.get(id);
		const home = words2.places[0];
		if (words2.optional === true && (!clear || Math.hypot(at2.left - home.left, at2.top - home.top) > FAR2)) continue;
		if (words2.tie !== null) tie(stage, words2.tie, at2);
		if (words2.paint !== void 0) words2.paint(stage.ctx, at2);
		else write(stage, words2, at2);
		written.push({ text: words2.text, box: at2, clear });
	}
	return written;
}
function write(stage, words2, at2) {
	const { ctx, tokens } = stage;
	ctx.font = font(tokens, words2.bold);
	ctx.lineJoin = "round";
	ctx.setLineDash([]);
	ctx.strokeStyle = tokens.ground;
	ctx.lineWidth = 3;
	ctx.fillStyle = words2.color;
	letters(ctx, words2.text, at2.left, at2.bottom - 3, stage.ratio, true);
}
var FAR2 = 18;
function tie(stage, from, at2) {
	const x = Math.min(at2.right, Math.max(at2.left, from.x));
	const y = Math.min(at2.bottom, Math.max(at2.top, from.y));
	if (Math.hypot(x - from.x, y - from.y) < FAR2) return;
	const { ctx, tokens } = stage;
	ctx.setLineDash([]);
	ctx.strokeStyle = tokens.ghost;
	ctx.lineWidth = 0.75;
	ctx.beginPath();
	ctx.moveTo(from.x, from.y);
	ctx.lineTo(x, y);
	ctx.stroke();
}
function readBack(picture2) {
	const series = {};
	const value = (v) => Number.isFinite(v) ? v : null;
	for (const stage of picture2.stages) {
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
		const line3 = h("tr", {});
		row.forEach((cell, i) => {
			const numeric = NUMERIC.test(cell.trim());
			line3.append(i === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: numeric ? "vg-number" : null }, cell));
		});
		body.append(line3);
	}
	const caption = h("caption", {}, panel.summary || `${panel.noun}, ${panel.unit}`);
	return h("table", { class: "vg-table" }, caption, h("thead", {}, head), body);
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
		const button2 = h("button", { type: "button", class: "vg-button" }, "Show last good picture");
		button2.addEventListener("click", showLast);
		nodes.push(h("p", {}, button2));
	}
	return nodes;
}

// src/attention/choices.ts
var Choices = class {
	constructor(bar, live, heard) {
		this.bar = bar;
		this.live = live;
		bar.classList.add("vg-attention-bar");
		bar.append(this.item, this.what, this.note);
		this.item.addEventListener("change", () => heard.item(this.item.value));
		this.what.addEventListener("change", () => heard.show(this.what.value));
		for (const node of [this.item, this.what]) node.addEventListener("keydown", (event) => event.stopPropagation());
	}
	item = h("select", { class: "vg-select vg-attention-item", "aria-label": "Item whose attention is shown" });
	what = h("select", { class: "vg-select vg-attention-show", "aria-label": "What the maps show" });
	note = h("span", { class: "vg-attention-note" });
	/** What was asked of the kernel and has not come. */
	wishes = /* @__PURE__ */ new Map();
	/** Shown as asked for until the kernel has answered. */
	wish(name, value) {
		this.wishes.set(name, value);
		const node = name === "item" ? this.item : this.what;
		node.value = value;
		node.classList.add("vg-asked");
	}
	update(layer, laid, view, note2) {
		const grid = laid !== null && view.open === null;
		this.fill(this.item, "item", layer.items, layer.item, (item) => `${layer.caption[0]?.split(" ")[0] ?? "item"} ${item}`);
		this.fill(this.what, "show", layer.shows, layer.show, (value) => value === "now" ? value : "− untrained");
		show(this.item, grid && layer.items.length > 1);
		show(this.what, grid && layer.shows.length > 1);
		setText(this.note, note2);
		show(this.note, note2 !== "");
		if (laid === null) return;
		this.bar.parentElement?.style.setProperty("--vg-attention-row", `${laid.bottom + 1}px`);
		if (!grid) return;
		move(this.item, laid.itemAt);
		move(this.what, laid.showAt);
	}
	fill(node, name, values, chosen, say) {
		const shape2 = values.join("|");
		if (node.dataset["values"] !== shape2) {
			node.dataset["values"] = shape2;
			node.replaceChildren(...values.map((value) => h("option", { value }, say(value))));
		}
		if (this.wishes.get(name) === chosen) this.wishes.delete(name);
		const wish = this.wishes.get(name);
		node.classList.toggle("vg-asked", wish !== void 0);
		if (document.activeElement !== node || wish === void 0) node.value = wish ?? chosen;
		node.disabled = !this.live;
	}
};
function move(node, to) {
	node.style.left = `${to.x}px`;
	node.style.top = `${to.y - 8}px`;
}

// src/attention/readout.ts
var Readout = class {
	node = h("div", { class: "vg-readout", "aria-hidden": "true", hidden: true });
	cell(layer, cell, query, x, y, width3) {
		const values = rowOf(layer, cell.index, cell.index < 0 ? null : query);
		const patch = patchAt(layer.grid, cell.box, x, y);
		const title = cell.index < 0 ? "rollout" : `layer ${layer.layers[cell.row]}, head ${cell.column + 1}`;
		if (values === null || patch < 0) {
			this.fill("there is no such head", title, [], x, y, width3);
			return;
		}
		const value = values[layer.prefix + patch];
		const rows = [[queryName(layer, layer.prefix + patch), number(value, 4)]];
		if (!layer.signed) rows.push(["even", number(1 / keysOf(layer), 4)]);
		if (cell.index >= 0) rows.push(["entropy", number(at(layer.entropy, cell.index))]);
		this.fill(title, "", rows, x, y, width3);
	}
	patch(layer, patch, query, x, y, width3) {
		const does = query === layer.prefix + patch ? `click: back to ${layer.query}` : "click: what it looks at";
		const name = layer.caption.slice(1, -1).join(" ");
		this.fill(`${name === "" ? "" : `${name}: `}${queryName(layer, layer.prefix + patch)}`, does, [], x, y, width3);
	}
	hide() {
		this.node.hidden = true;
	}
	fill(title, more, rows, x, y, width3) {
		this.node.replaceChildren(h("b", {}, title));
		if (more !== "") this.node.append(h("div", {}, more));
		const list = h("dl", {});
		for (const [name, value] of rows) list.append(h("dt", {}, name), h("dd", {}, value));
		if (rows.length > 0) this.node.append(list);
		this.node.hidden = false;
		const own = this.node.offsetWidth;
		this.node.style.left = `${Math.max(0, x + 14 + own <= width3 ? x + 14 : x - 14 - own)}px`;
		this.node.style.top = `${y + 12}px`;
	}
};

// src/attention/tools.ts
var ARROWS2 = {
	ArrowUp: [-1, 0],
	ArrowDown: [1, 0],
	ArrowLeft: [0, -1],
	ArrowRight: [0, 1]
};
var KEYS2 = [
	"Tab to the maps, Enter: into the grid; arrows: the next head; Enter: that head large; Esc: back",
	"Q: the arrows move the query from patch to patch, Q again: from head to head; C: the usual query",
	"I: the next item; D: difference to the untrained model, and back"
];
var grids = 0;
var AttentionTools = class {
	constructor(seat) {
		this.seat = seat;
		const { plot, body } = seat;
		seat.local.set(VIEW, this.view);
		grids += 1;
		const help = h("div", { class: "vg-heard", id: `vg-attention-keys-${grids}` }, KEYS2.join(". "));
		plot.tabIndex = 0;
		plot.setAttribute("role", "application");
		plot.setAttribute("aria-roledescription", "grid of attention maps");
		plot.setAttribute("aria-describedby", help.id);
		this.choices = new Choices(seat.bar, seat.live, {
			item: (value) => this.choose("item", value),
			show: (value) => this.choose("show", value)
		});
		body.append(this.readout.node, this.heard, help);
		const { signal } = this.stop;
		plot.addEventListener("click", (event) => this.clicked(event), { signal });
		plot.addEventListener("pointermove", (event) => this.pointed(event), { signal });
		plot.addEventListener("pointerleave", () => this.readout.hide(), { signal });
		plot.addEventListener("wheel", (event) => this.wheeled(event), { signal, passive: false });
		plot.addEventListener("blur", () => this.leave(), { signal });
		plot.addEventListener(
			"keydown",
			(event) => {
				if (event.target !== plot || !this.pressed(event)) return;
				event.preventDefault();
				event.stopPropagation();
			},
			{ signal }
		);
	}
	keys = KEYS2;
	view = freshView();
	heard = h("div", { class: "vg-heard", "aria-live": "polite" });
	readout = new Readout();
	choices;
	stop = new AbortController();
	layer = null;
	/** Full maps were asked for and have not come. */
	asked = false;
	told = "";
	/** From the newest click or key to the pixels, in milliseconds. */
	ms = null;
	/** When a click or key came that is not drawn yet. */
	began = null;
	frame = 0;
	drawn(picture2) {
		const found = picture2.stages.flatMap((stage) => stage.layers).find((layer) => layer.type === "maps");
		if (found === void 0) return;
		const before = this.layer;
		this.layer = found;
		if (this.asked && hasFull(found)) {
			this.asked = false;
			this.say(`The full maps have come. ${this.queryWords()}`);
		}
		const kept = before === null || before.item === found.item && keysOf(before) === keysOf(found);
		if (!kept && this.view.query !== null) {
			if (keysOf(before) !== keysOf(found)) this.view.query = null;
			else if (!hasFull(found)) this.ask(found);
		}
		this.view.row = Math.min(this.view.row, found.layers.length - 1);
		this.view.column = Math.min(this.view.column, found.heads - 1);
		if (this.view.open !== null && this.view.open >= found.layers.length * found.heads) this.view.open = null;
		const corner = this.view.inGrid && this.view.open === null ? this.laid?.cells[0] : void 0;
		if (corner !== void 0) {
			this.view.firstRow = corner.row;
			this.view.firstColumn = corner.column;
		}
		this.choices.update(found, this.laid, this.view, this.note());
	}
	get laid() {
		return this.seat.local.get(LAID) ?? null;
	}
	note() {
		const layer = this.layer;
		if (layer === null || this.view.query === null || hasFull(layer)) return "";
		if (layer.refused !== "") return layer.refused;
		if (!this.seat.live) return layer.query === "CLS" ? "only the CLS row is recorded" : "only the mean row is recorded";
		return "asked for the full maps";
	}
	/* ---- the query ---- */
	setQuery(query, began) {
		const layer = this.layer;
		if (layer === null) return;
		this.view.query = query;
		if (query !== null && !hasFull(layer)) this.ask(layer);
		this.redraw(began);
		this.say(this.queryWords());
	}
	ask(layer) {
		if (!this.seat.live || layer.refused !== "") return;
		this.asked = true;
		this.seat.option("full", "yes");
	}
	queryWords() {
		const layer = this.layer;
		if (layer === null) return "";
		const note2 = this.note();
		return note2 === "" ? `Query: ${queryName(layer, this.view.query)}` : `${note2}; shown is ${layer.query}`;
	}
	/** Once for all keys and clicks of one animation frame: what is drawn there is seen in that frame. */
	redraw(began) {
		const waiting = this.began !== null;
		this.began = began;
		if (waiting) return;
		this.frame = requestAnimationFrame(() => {
			this.seat.redraw();
			this.ms = performance.now() - (this.began ?? began);
			this.began = null;
		});
	}
	choose(name, value) {
		this.seat.option(name, value);
		this.choices.wish(name, value);
		this.say(name === "item" ? `asked for item ${value}` : `asked for ${value}`);
	}
	/* ---- the mouse ---- */
	place(event) {
		const box = this.seat.plot.getBoundingClientRect();
		return { x: event.clientX - box.left, y: event.clientY - box.top };
	}
	cellAt(x, y) {
		return this.laid?.cells.find(({ box }) => x >= box.left && x < box.right && y >= box.top && y < box.bottom) ?? null;
	}
	clicked(event) {
		const { layer, laid } = this;
		if (layer === null || laid === null) return;
		const { x, y } = this.place(event);
		const patch = laid.picture === null ? -1 : patchAt(layer.grid, laid.picture, x, y);
		if (patch >= 0) return this.setPatch(patch, event.timeStamp);
		const cell = this.cellAt(x, y);
		if (cell === null || cell.index < 0) return;
		this.view.row = cell.row;
		this.view.column = cell.column;
		if (this.view.open !== null || event.shiftKey) this.setPatch(patchAt(layer.grid, cell.box, x, y), event.timeStamp);
		else this.open(cell.index, event.timeStamp);
	}
	/** The patch that is shown already is let go. */
	setPatch(patch, began) {
		if (this.layer === null || patch < 0) return;
		const token = this.layer.prefix + patch;
		this.setQuery(this.view.query === token ? null : token, began);
	}
	open(index, began) {
		this.view.open = index;
		this.redraw(began);
		this.say(index === null ? "All heads" : `${this.headWords()}, large`);
	}
	pointed(event) {
		const { layer, laid } = this;
		if (layer === null || laid === null) return;
		const { x, y } = this.place(event);
		const cell = this.cellAt(x, y);
		const onItem = cell === null && laid.picture !== null ? patchAt(layer.grid, laid.picture, x, y) : -1;
		this.seat.plot.style.cursor = cell !== null || onItem >= 0 ? "pointer" : "";
		if (cell !== null) this.readout.cell(layer, cell, this.view.query, x, y, this.seat.plot.clientWidth);
		else if (onItem >= 0) this.readout.patch(layer, onItem, this.view.query, x, y, this.seat.plot.clientWidth);
		else this.readout.hide();
	}
	wheeled(event) {
		const { layer, laid, view } = this;
		if (layer === null || laid === null || view.open !== null) return;
		const { x, y } = this.place(event);
		if (this.cellAt(x, y) === null) return;
		const first = Math.max(0, Math.min(layer.layers.length - laid.rows, view.firstRow + Math.sign(event.deltaY)));
		if (first === view.firstRow || laid.rows >= layer.layers.length) return;
		event.preventDefault();
		view.firstRow = first;
		this.seat.redraw();
	}
	/* ---- keys ---- */
	key() {
		return false;
	}
	pressed(event) {
		if (event.ctrlKey || event.metaKey || event.altKey || this.layer === null) return false;
		const { view } = this;
		const began = event.timeStamp;
		const arrow = ARROWS2[event.key];
		switch (event.key) {
			case "q":
			case "Q":
				this.enter();
				view.moving = !view.moving;
				if (view.moving && view.query === null) this.setQuery(this.layer.prefix, began);
				else this.redraw(began);
				this.say(view.moving ? `Arrows move the query. ${this.queryWords()}` : `Arrows move over heads. ${this.headWords()}`);
				return true;
			case "c":
			case "C":
				this.setQuery(null, began);
				return true;
			case "i":
			case "I":
				return this.next("item", this.layer.items, this.layer.item);
			case "d":
			case "D":
				return this.next("show", this.layer.shows, this.layer.show);
			case "Enter":
				if (!view.inGrid) this.enter();
				else this.open(view.open === null ? view.row * this.layer.heads + view.column : null, began);
				this.redraw(began);
				return true;
			case "Escape":
				return this.back(began);
		}
		if (arrow === void 0 || !view.inGrid) return false;
		if (view.moving) this.moveQuery(arrow, began);
		else this.moveHead(arrow, began);
		return true;
	}
	enter() {
		if (this.view.inGrid) return;
		this.view.inGrid = true;
		this.say(`In the grid. ${this.headWords()}`);
	}
	leave() {
		if (!this.view.inGrid) return;
		this.view.inGrid = this.view.moving = false;
		this.seat.redraw();
	}
	back(began) {
		const { view } = this;
		if (view.moving) view.moving = false;
		else if (view.open !== null) {
			this.open(null, began);
			return true;
		} else if (view.inGrid) view.inGrid = false;
		else return false;
		this.redraw(began);
		return true;
	}
	moveHead([down, right], began) {
		const { layer, view } = this;
		if (layer === null) return;
		view.row = Math.max(0, Math.min(layer.layers.length - 1, view.row + down));
		view.column = Math.max(0, Math.min(layer.heads - 1, view.column + right));
		if (view.open !== null) view.open = view.row * layer.heads + view.column;
		this.redraw(began);
		this.say(this.headWords());
	}
	moveQuery([down, right], began) {
		const { layer, view } = this;
		if (layer === null) return;
		const [rows, columns] = layer.grid;
		const patch = Math.max(0, (view.query ?? layer.prefix) - layer.prefix);
		const row = Math.max(0, Math.min(rows - 1, Math.floor(patch / columns) + down));
		const column = Math.max(0, Math.min(columns - 1, patch % columns + right));
		this.setQuery(layer.prefix + row * columns + column, began);
	}
	next(name, choices, chosen) {
		if (!this.seat.live || choices.length < 2) return true;
		this.choose(name, choices[(choices.indexOf(chosen) + 1) % choices.length]);
		return true;
	}
	headWords() {
		const { layer, view } = this;
		if (layer === null) return "";
		const index = view.row * layer.heads + view.column;
		const name = `layer ${layer.layers[view.row]}, head ${view.column + 1}`;
		if (rowOf(layer, index, null) === null) return `${name}: there is no such head`;
		return `${name}: entropy ${number(at(layer.entropy, index))}, distance ${number(at(layer.distance, index))}`;
	}
	say(words2) {
		this.told = words2;
		setText(this.heard, words2);
	}
	state() {
		const { layer, view, laid } = this;
		return {
			...view,
			full: layer !== null && hasFull(layer),
			item: layer?.item ?? "",
			show: layer?.show ?? "",
			note: this.note(),
			told: this.told,
			ms: this.ms,
			pending: this.began !== null,
			cells: (laid?.cells ?? []).map(({ index, box }) => [index, box.left, box.top, box.right, box.bottom]),
			picture: laid?.picture ?? null,
			words: (laid?.words ?? []).map((word2) => word2.text)
		};
	}
	dispose() {
		cancelAnimationFrame(this.frame);
		this.stop.abort();
	}
};
var attentionTools = (seat) => new AttentionTools(seat);

// src/pairs/tools.ts
function pairsTools(seat) {
	const tip = h("div", { class: "vg-readout vg-pair", role: "status", hidden: true });
	const name = h("b", {});
	const one = h("div", {});
	const other = h("div", {});
	tip.append(name, one, other);
	seat.body.append(tip);
	let chosen = null;
	const places = () => Object.values(seat.local.get(PLACES) ?? {}).flat();
	const width3 = (place4) => 2 * place4.tile + 2;
	const show2 = (place4) => {
		tip.hidden = place4 === void 0 || seat.plot.hidden;
		if (place4 === void 0) return;
		setText(name, `cosine ${place4.said}`);
		setText(one, place4.words[0]);
		setText(other, place4.words[1]);
		const room = seat.plot.clientWidth;
		tip.style.left = `${Math.max(0, Math.min(room - tip.offsetWidth, place4.left))}px`;
		const under = place4.top + place4.tile + 20;
		const fits = under + tip.offsetHeight <= seat.plot.clientHeight;
		tip.style.top = `${fits ? under : place4.top - tip.offsetHeight - 2}px`;
	};
	const found = (event) => {
		const box = seat.plot.getBoundingClientRect();
		const x = event.clientX - box.left;
		const y = event.clientY - box.top;
		return places().find(
			(p) => x >= p.left && x <= p.left + width3(p) && y >= p.top && y <= p.top + p.tile + 18
		);
	};
	const move2 = (event) => {
		chosen = null;
		show2(found(event));
	};
	const away = () => {
		if (chosen === null) show2(void 0);
	};
	seat.plot.addEventListener("pointermove", move2);
	seat.plot.addEventListener("pointerleave", away);
	const at2 = () => places().findIndex((p) => chosen !== null && p.list === chosen.list && p.index === chosen.index);
	return {
		drawn() {
			if (chosen !== null) show2(places()[at2()]);
			else if (seat.plot.hidden) show2(void 0);
		},
		key(event) {
			if (event.ctrlKey || event.metaKey || event.altKey) return false;
			if (event.key === "Escape" && chosen !== null) {
				chosen = null;
				show2(void 0);
				return true;
			}
			const by = event.key === "n" || event.key === "N" ? 1 : event.key === "p" || event.key === "P" ? -1 : 0;
			const all = places();
			if (by === 0 || all.length === 0) return false;
			const now = at2();
			const next = all[now < 0 ? by > 0 ? 0 : all.length - 1 : (now + by + all.length) % all.length];
			chosen = { list: next.list, index: next.index };
			show2(next);
			return true;
		},
		keys: ["N, P: the next pair, the one before"],
		state() {
			return {
				pairs: places(),
				tip: tip.hidden ? null : [name.textContent, one.textContent, other.textContent]
			};
		},
		dispose() {
			seat.plot.removeEventListener("pointermove", move2);
			seat.plot.removeEventListener("pointerleave", away);
			tip.remove();
		}
	};
}

// src/projection/tile.ts
function nameOf(shown, asset, item) {
	return asset?.names[item] || shown.layer.names[item] || numberOf(item);
}
function numberOf(item) {
	return `item ${count(item)}`;
}
function classOf(shown, item) {
	return shown.layer.kinds[kindOf(shown.layer, item)] ?? "";
}
function picture(asset, item) {
	if (asset === null || asset.sheet === null || item >= asset.count) return null;
	const canvas = h("canvas", { class: "vg-tile", width: asset.width, height: asset.height, "aria-hidden": "true" });
	const ctx = canvas.getContext("2d");
	if (ctx === null || !stamp(ctx, asset, item, 0, 0, asset.width, asset.height)) return null;
	canvas.classList.toggle("vg-coarse", asset.width < 20);
	return canvas;
}
function markOf(mark2, ratio) {
	const side = 11;
	const canvas = h("canvas", {
		class: "vg-mark",
		width: Math.round(side * ratio),
		height: Math.round(side * ratio),
		"aria-hidden": "true"
	});
	const ctx = canvas.getContext("2d");
	if (ctx !== null) {
		ctx.scale(ratio, ratio);
		outline(ctx, mark2.shape, side / 2, side / 2, 3.6);
		ctx.fillStyle = mark2.color;
		ctx.fill();
	}
	return canvas;
}

// src/projection/bar.ts
var NO_KERNEL = "This needs the kernel; this page has none.";
var Bar = class {
	constructor(node, live, events) {
		this.live = live;
		this.events = events;
		const holder = h("span", { class: "vg-classes-holder" }, this.classesButton, this.classes);
		node.append(holder, this.picturesButton, this.chosenButton, this.choices);
		this.classesButton.addEventListener("click", () => this.list(this.classes.hidden));
		this.picturesButton.addEventListener("click", () => events.picturesToggled());
		this.chosenButton.addEventListener("click", () => events.galleryOpened());
		node.addEventListener("keydown", (event) => this.key(event));
		holder.addEventListener("focusout", (event) => {
			if (!holder.contains(event.relatedTarget)) this.list(false);
		});
	}
	classesButton = h(
		"button",
		{ type: "button", class: "vg-quiet vg-classes-button", "aria-expanded": "false" },
		"Classes"
	);
	classes = h("div", {
		class: "vg-classes",
		role: "group",
		"aria-label": "Choose a whole class",
		hidden: true
	});
	picturesButton = h(
		"button",
		{ type: "button", class: "vg-quiet", "aria-pressed": "true" },
		"Pictures"
	);
	chosenButton = h("button", { type: "button", class: "vg-quiet vg-chosen-button", hidden: true });
	choices = h("span", { class: "vg-choices" });
	selects = /* @__PURE__ */ new Map();
	/** Asked for and not yet on the map. */
	asked = /* @__PURE__ */ new Map();
	listed = "";
	built = "";
	get listing() {
		return !this.classes.hidden;
	}
	list(open) {
		show(this.classes, open);
		setAttribute(this.classesButton, "aria-expanded", String(open));
	}
	key(event) {
		if (event.target instanceof HTMLSelectElement) event.stopPropagation();
		const buttons = [...this.classes.querySelectorAll("button")];
		const at2 = buttons.indexOf(event.target);
		if (event.key === "Escape" && this.listing) {
			this.list(false);
			this.classesButton.focus();
		} else if (event.key === "ArrowDown" && (at2 >= 0 || event.target === this.classesButton && this.listing)) {
			buttons[Math.min(buttons.length - 1, at2 + 1)]?.focus();
		} else if (event.key === "ArrowUp" && at2 >= 0) {
			(at2 === 0 ? this.classesButton : buttons[at2 - 1]).focus();
		} else return;
		event.preventDefault();
		event.stopPropagation();
	}
	update(shown, reader, chosen, hasPictures, choices, ratio) {
		const { layer } = shown;
		show(this.classesButton, layer.kinds.length > 0);
		show(this.picturesButton, hasPictures);
		setAttribute(this.picturesButton, "aria-pressed", String(reader.pictures));
		setAttribute(
			this.picturesButton,
			"title",
			reader.pictures ? "Hide the pictures on the map" : "Show a few items of each class as pictures"
		);
		show(this.chosenButton, chosen > 0);
		setText(this.chosenButton, `${count(chosen)} chosen`);
		this.listClasses(shown, reader, ratio);
		this.offer(choices);
	}
	listClasses(shown, reader, ratio) {
		const { layer, marks } = shown;
		const found = sizes(layer);
		const told = `${layer.kinds.join("\n")}|${found.join()}|${marks.map((m) => m.shape + m.color).join()}|${ratio}`;
		if (told === this.listed) return;
		const at2 = [...this.classes.querySelectorAll("button")].indexOf(document.activeElement);
		this.listed = told;
		const own = coloured(layer, reader.picked);
		this.classes.replaceChildren();
		layer.kinds.forEach((name, kind) => {
			const title = own.includes(kind) ? `Choose all of ${name}` : `Choose all of ${name}, and give it a colour`;
			const button2 = h(
				"button",
				{ type: "button", class: "vg-class", "data-kind": kind, title },
				markOf(marks[kind], ratio),
				h("span", {}, name),
				h("span", { class: "vg-small" }, count(found[kind]))
			);
			button2.addEventListener("click", () => this.events.classChosen(kind));
			this.classes.append(button2);
		});
		if (at2 >= 0) this.classes.querySelectorAll("button")[at2]?.focus();
	}
	offer(choices) {
		const built = choices.map((c) => `${c.name}:${c.values.join()}`).join("|");
		if (built !== this.built) {
			this.built = built;
			this.selects.clear();
			this.choices.replaceChildren(...choices.map((choice) => this.build(choice)));
		}
		for (const choice of choices) {
			if (this.asked.get(choice.name) === choice.value) this.asked.delete(choice.name);
			const select = this.selects.get(choice.name);
			const asked = this.asked.get(choice.name);
			if (document.activeElement !== select || asked === void 0) select.value = asked ?? choice.value;
			select.classList.toggle("vg-asked", asked !== void 0);
			const shownNow = choice.values.find(([value]) => value === choice.value)?.[1] ?? choice.value;
			const hint = asked === void 0 ? choice.label : `asked for; the map still shows ${shownNow}`;
			setAttribute(select, "title", this.live ? hint : NO_KERNEL);
		}
	}
	build(choice) {
		const select = h(
			"select",
			{
				class: "vg-select",
				"aria-label": this.live ? choice.label : `${choice.label}. ${NO_KERNEL}`,
				disabled: !this.live
			},
			...choice.values.map(([value, words2]) => h("option", { value }, words2))
		);
		select.addEventListener("change", () => {
			this.asked.set(choice.name, select.value);
			this.events.optionChosen(choice.name, select.value);
			select.classList.add("vg-asked");
		});
		this.selects.set(choice.name, select);
		return h("span", { title: this.live ? null : NO_KERNEL }, select);
	}
	get wishes() {
		return Object.fromEntries(this.asked);
	}
};

// src/projection/card.ts
var GAP3 = 12;
var Card = class {
	node = h("div", { class: "vg-card", "aria-hidden": "true", hidden: true });
	filled = "";
	hide() {
		this.node.hidden = true;
	}
	show(shown, asset, item, ratio, width3, height) {
		const { layer } = shown;
		const x = at(layer.x, item);
		const y = at(layer.y, item);
		const told = [
			item,
			x,
			y,
			asset?.name,
			asset !== null,
			layer.tried,
			classOf(shown, item),
			shown.marks.map((m) => m.color)
		].join("|");
		if (told !== this.filled || this.node.hidden) {
			this.filled = told;
			this.fill(shown, asset, item, ratio, x, y);
		}
		this.node.hidden = false;
		this.put(shown.px[item], shown.py[item], width3, height);
	}
	fill(shown, asset, item, ratio, x, y) {
		const kind = kindOf(shown.layer, item);
		const mates = matesOf(shown.layer, item);
		const name = nameOf(shown, asset, item);
		const words2 = h(
			"div",
			{},
			h("b", {}, name),
			h(
				"p",
				{ class: "vg-kind" },
				markOf(shown.marks[kind < 0 ? shown.layer.kinds.length : kind], ratio),
				classOf(shown, item) || "no class"
			),
			h("p", {}, `x ${number(x)}, y ${number(y)}`)
		);
		const own = numberOf(item);
		if (name !== own) words2.append(h("p", {}, own));
		if (mates.length > 0) words2.append(h("p", {}, `${mates.length} more of the same, joined`));
		const tile2 = picture(asset, item);
		this.node.dataset["item"] = String(item);
		this.node.replaceChildren(...tile2 === null ? [words2] : [tile2, words2]);
	}
	/** Beside the item, inside the panel, and not on top of the item. */
	put(x, y, width3, height) {
		const { offsetWidth: own, offsetHeight: tall } = this.node;
		const right = x + GAP3 + own <= width3;
		const left = right ? x + GAP3 : x - GAP3 - own >= 0 ? x - GAP3 - own : width3 - own;
		const beside = right || x - GAP3 - own >= 0;
		const top = beside ? y - tall / 2 : y + GAP3 + tall <= height ? y + GAP3 : y - GAP3 - tall;
		this.node.style.left = `${Math.max(0, left)}px`;
		this.node.style.top = `${Math.max(0, Math.min(height - tall, top))}px`;
	}
};

// src/projection/chosen.ts
var MOST_TILES = 240;
var ChosenView = class {
	constructor(events) {
		this.events = events;
		const clear = h("button", { type: "button", class: "vg-quiet" }, "Clear");
		const buttons = h("span", { class: "vg-right" }, this.copyButton, clear, this.close);
		this.node.append(
			h("div", { class: "vg-chosen-top" }, this.total, this.among, buttons),
			this.note,
			this.copied,
			this.tiles
		);
		this.copyButton.addEventListener("click", () => void this.copy());
		clear.addEventListener("click", () => events.cleared());
		this.close.addEventListener("click", () => events.closed());
		this.node.addEventListener("keydown", (event) => {
			if (event.key !== "Escape") {
				if (event.target === this.copied) event.stopPropagation();
				return;
			}
			event.preventDefault();
			event.stopPropagation();
			events.closed();
		});
	}
	node = h("div", {
		class: "vg-chosen",
		role: "region",
		"aria-label": "Chosen items",
		tabindex: -1,
		hidden: true
	});
	total = h("b", {});
	among = h("span", { class: "vg-small" });
	note = h("span", { class: "vg-small", hidden: true });
	tiles = h("div", {
		class: "vg-tiles",
		role: "list",
		tabindex: 0,
		"aria-label": "Pictures of the chosen items"
	});
	copied = h("textarea", {
		class: "vg-copied",
		readonly: true,
		rows: 3,
		hidden: true,
		"aria-label": "Indices of the chosen items"
	});
	copyButton = h("button", { type: "button", class: "vg-quiet" }, "Copy indices");
	close = h("button", { type: "button", class: "vg-quiet" }, "Close");
	items = [];
	filled = "";
	get open() {
		return !this.node.hidden;
	}
	/** How many tiles stand in the gallery. */
	get shown() {
		return this.tiles.childElementCount;
	}
	show(shown, asset, chosen, focus) {
		this.node.hidden = false;
		this.fill(shown, asset, chosen);
		if (focus) this.close.focus();
	}
	hide() {
		this.node.hidden = true;
		this.copied.hidden = true;
		this.tiles.replaceChildren();
		this.filled = "";
	}
	/** Fills the gallery again where something changed: other items, or their pictures have come. */
	fill(shown, asset, chosen) {
		if (!this.open) return;
		const items = [...chosen].sort((a, b) => a - b);
		const told = `${items.join()}|${asset?.name ?? ""}|${asset !== null}|${shown.layer.tried}`;
		if (told === this.filled) return;
		this.filled = told;
		this.items = items;
		this.copied.hidden = true;
		const drawn = items.slice(0, MOST_TILES);
		this.total.textContent = `${count(items.length)} chosen`;
		this.among.textContent = amongWords(shown, items);
		this.among.title = this.among.textContent;
		this.note.hidden = drawn.length === items.length;
		this.note.textContent = `the first ${count(drawn.length)} are shown; Copy indices gives all`;
		const plain = asset === null || asset.sheet === null;
		this.tiles.classList.toggle("vg-names-only", plain);
		this.tiles.replaceChildren(...drawn.map((item) => tile(shown, asset, item)));
	}
	async copy() {
		const text = `[${this.items.join(", ")}]`;
		try {
			await navigator.clipboard.writeText(text);
			this.copyButton.textContent = "Copied";
			window.setTimeout(() => this.copyButton.textContent = "Copy indices", 2e3);
			this.events.said(`${count(this.items.length)} indices copied`);
		} catch {
			this.copied.value = text;
			this.copied.hidden = false;
			this.copied.focus();
			this.copied.select();
			this.events.said("The indices are selected; copy them with your keyboard");
		}
	}
};
function tile(shown, asset, item) {
	const name = nameOf(shown, asset, item);
	const kind = classOf(shown, item);
	const title = `${name}${kind === "" ? "" : `, ${kind}`}, item ${count(item)}`;
	return h(
		"div",
		{ class: "vg-item", role: "listitem", "data-item": item, title },
		picture(asset, item),
		h("span", {}, name)
	);
}
function amongWords(shown, items) {
	const found = /* @__PURE__ */ new Map();
	for (const item of items) {
		const kind = classOf(shown, item);
		found.set(kind, (found.get(kind) ?? 0) + 1);
	}
	const total = `of ${count(shown.px.length)}`;
	if (shown.layer.kinds.length === 0) return total;
	const sorted2 = [...found].sort((a, b) => b[1] - a[1]);
	const words2 = sorted2.slice(0, 3).map(([kind, n]) => `${count(n)} ${kind || "of no class"}`);
	if (sorted2.length > 3) words2.push(`${sorted2.length - 3} more`);
	return `${total}: ${words2.join(", ")}`;
}

// src/projection/lasso.ts
function inside2(line3, x, y) {
	let within = false;
	for (let i = 0, j = line3.length - 1; i < line3.length; j = i++) {
		const a = line3[i];
		const b = line3[j];
		if (a.y > y !== b.y > y && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x) within = !within;
	}
	return within;
}
function caught(line3, px, py) {
	if (line3.length < 3) return [];
	const left = Math.min(...line3.map((p) => p.x));
	const right = Math.max(...line3.map((p) => p.x));
	const top = Math.min(...line3.map((p) => p.y));
	const bottom = Math.max(...line3.map((p) => p.y));
	const found = [];
	for (let i = 0; i < px.length; i++) {
		const x = px[i];
		const y = py[i];
		if (x >= left && x <= right && y >= top && y <= bottom && inside2(line3, x, y)) found.push(i);
	}
	return found;
}
function extend(line3, x, y) {
	const last = line3[line3.length - 1];
	if (last === void 0 || Math.hypot(last.x - x, last.y - y) >= 2) line3.push({ x, y });
}
function reach(line3) {
	const first = line3[0];
	return first === void 0 ? 0 : Math.max(...line3.map((p) => Math.hypot(p.x - first.x, p.y - first.y)));
}
function nearest(px, py, x, y, most = Infinity) {
	let best = -1;
	let least = most;
	for (let i = 0; i < px.length; i++) {
		const d = Math.hypot(px[i] - x, py[i] - y);
		if (d < least || d === least && best >= 0) {
			least = d;
			best = i;
		}
	}
	return best;
}
var STEP = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };
function towards(px, py, from, to) {
	const [dx, dy] = STEP[to];
	const x = px[from];
	const y = py[from];
	if (x === void 0 || y === void 0 || !Number.isFinite(x)) return nearest(px, py, 0, 0);
	const onward = dx + dy > 0;
	for (let i = onward ? from + 1 : from - 1; i >= 0 && i < px.length; i += onward ? 1 : -1) {
		if (px[i] === x && py[i] === y) return i;
	}
	let best = from;
	let least = Infinity;
	for (const wide of [1, Infinity]) {
		for (let i = 0; i < px.length; i++) {
			const ahead = (px[i] - x) * dx + (py[i] - y) * dy;
			const aside = Math.abs((px[i] - x) * dy) + Math.abs((py[i] - y) * dx);
			if (!(ahead > 1e-6) || aside > ahead * wide) continue;
			const cost = ahead + 2 * aside;
			if (cost < least || cost === least && !onward) {
				least = cost;
				best = i;
			}
		}
		if (best !== from) break;
	}
	return best;
}
function middleOf(items, px, py) {
	const own = items.filter((i) => Number.isFinite(px[i]));
	if (own.length === 0) return -1;
	const x = own.reduce((sum2, i) => sum2 + px[i], 0) / own.length;
	const y = own.reduce((sum2, i) => sum2 + py[i], 0) / own.length;
	return own.reduce(
		(best, i) => Math.hypot(px[i] - x, py[i] - y) < Math.hypot(px[best] - x, py[best] - y) ? i : best,
		own[0]
	);
}

// src/projection/choices.ts
var METHODS = [
	["pca", "PCA"],
	["umap", "UMAP"]
];
function choicesOf(layer, panel) {
	const found = [];
	const others = layer.choices.filter((name) => name !== layer.tried);
	if (others.length > 0) {
		const names = layer.tried === "" ? layer.choices : layer.choices.includes(layer.tried) ? layer.choices : [layer.tried, ...layer.choices];
		found.push({
			name: "colour",
			label: "What colours and shapes stand for",
			value: layer.tried,
			values: names.map((name) => [name, `by ${name}`])
		});
	}
	found.push({
		name: "method",
		label: "How the map is made",
		value: /umap/i.test(panel.unit) ? "umap" : "pca",
		values: METHODS
	});
	return found;
}

// src/projection/overlay.ts
var MOST_RIMS = 4e3;
var Overlay = class {
	canvas = document.createElement("canvas");
	constructor() {
		this.canvas.className = "vg-hand";
		this.canvas.setAttribute("aria-hidden", "true");
	}
	/** Takes the size and place of the canvas under it. */
	fit(lower2) {
		const { canvas } = this;
		if (canvas.width !== lower2.width) canvas.width = lower2.width;
		if (canvas.height !== lower2.height) canvas.height = lower2.height;
		for (const name of ["width", "height", "left", "top"]) {
			if (canvas.style[name] !== lower2.style[name]) canvas.style[name] = lower2.style[name];
		}
	}
	draw(shown, tokens, ratio, hand) {
		const ctx = this.canvas.getContext("2d");
		if (ctx === null) return;
		ctx.setTransform(1, 0, 0, 1, 0, 0);
		ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
		ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		kinship(ctx, shown, tokens, hand);
		rims(ctx, shown, [...hand.chosen].slice(0, MOST_RIMS), tokens);
		if (hand.item >= 0) {
			circles(ctx, shown, [hand.item], shown.radius + 4.5, tokens.ground, 4);
			circles(
				ctx,
				shown,
				[hand.item],
				shown.radius + 4.5,
				hand.pointing ? tokens.action : tokens.ink,
				hand.pointing ? 2 : 1.5
			);
		}
		lasso(ctx, hand.lasso, tokens);
	}
};
function circles(ctx, shown, items, radius, color, width3) {
	ctx.beginPath();
	for (const i of items) {
		const x = shown.px[i];
		const y = shown.py[i];
		if (x === void 0 || y === void 0 || !Number.isFinite(x)) continue;
		ctx.moveTo(x + radius, y);
		ctx.arc(x, y, radius, 0, 2 * Math.PI);
	}
	ctx.strokeStyle = color;
	ctx.lineWidth = width3;
	ctx.stroke();
}
function rims(ctx, shown, items, tokens) {
	ctx.strokeStyle = tokens.ink;
	ctx.lineWidth = 1.25;
	ctx.lineJoin = "round";
	for (const i of items) {
		const x = shown.px[i];
		if (x === void 0 || !Number.isFinite(x)) continue;
		const kind = kindOf(shown.layer, i);
		outline(ctx, shown.marks[kind < 0 ? shown.layer.kinds.length : kind].shape, x, shown.py[i], shown.radius + 0.75);
		ctx.stroke();
	}
}
function kinship(ctx, shown, tokens, hand) {
	const { px, py, layer } = shown;
	const mates = hand.item >= 0 ? matesOf(layer, hand.item) : [];
	const lines = mates.map((mate) => [hand.item, mate]);
	const links = linksOf(layer);
	if (hand.chosen.size > 0 && links.length > MOST_LINKS) {
		for (const [a, b] of links)
			if (lines.length < MOST_LINKS && (hand.chosen.has(a) || hand.chosen.has(b))) lines.push([a, b]);
	}
	if (lines.length === 0) return;
	ctx.beginPath();
	for (const [a, b] of lines) {
		if (!Number.isFinite(px[a]) || !Number.isFinite(px[b])) continue;
		ctx.moveTo(px[a], py[a]);
		ctx.lineTo(px[b], py[b]);
	}
	ctx.strokeStyle = tokens.ink;
	ctx.lineWidth = 1;
	ctx.stroke();
	circles(ctx, shown, mates, shown.radius + 2, tokens.ink, 1);
}
function lasso(ctx, line3, tokens) {
	if (line3.length < 2) return;
	ctx.beginPath();
	line3.forEach((p, i) => i === 0 ? ctx.moveTo(p.x, p.y) : ctx.lineTo(p.x, p.y));
	ctx.closePath();
	ctx.fillStyle = tokens.action;
	ctx.globalAlpha = 0.08;
	ctx.fill();
	ctx.globalAlpha = 1;
	ctx.strokeStyle = tokens.action;
	ctx.lineWidth = 1.5;
	ctx.stroke();
}

// src/projection/pointer.ts
var NEAR2 = 14;
var CLICK = 5;
var MapPointer = class {
	constructor(canvas, events, signal) {
		this.canvas = canvas;
		this.events = events;
		const on = (type, act) => canvas.addEventListener(type, act, { signal });
		on("pointerdown", (event) => this.down(event));
		on("pointermove", (event) => this.moved(event));
		on("pointerup", (event) => this.up(event));
		on("pointercancel", () => this.letGo());
		on("pointerleave", () => {
			if (!this.drawing) events.meant(-1);
		});
	}
	lasso = [];
	drawing = false;
	at(event) {
		const box = this.canvas.getBoundingClientRect();
		return { x: event.clientX - box.left, y: event.clientY - box.top };
	}
	down(event) {
		if (event.button !== 0 || this.events.shown() === null) return;
		this.lasso = [this.at(event)];
		this.drawing = true;
		this.canvas.setPointerCapture(event.pointerId);
	}
	moved(event) {
		event.stopPropagation();
		const shown = this.events.shown();
		if (shown === null) return;
		const { x, y } = this.at(event);
		if (!this.drawing) {
			this.events.meant(nearest(shown.px, shown.py, x, y, NEAR2));
			return;
		}
		extend(this.lasso, x, y);
		if (reach(this.lasso) > CLICK) this.events.meant(-1);
		this.events.drew();
	}
	up(event) {
		const { lasso: lasso2 } = this;
		const shown = this.events.shown();
		if (!this.drawing || shown === null) return;
		this.letGo();
		if (reach(lasso2) > CLICK) {
			this.events.ringed(caught(lasso2, shown.px, shown.py), event.shiftKey);
			return;
		}
		const { x, y } = this.at(event);
		const item = nearest(shown.px, shown.py, x, y, NEAR2);
		if (item >= 0) this.events.clicked(item);
	}
	letGo() {
		this.drawing = false;
		this.lasso = [];
		this.events.drew();
	}
};

// src/projection/tools.ts
var ARROWS3 = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
var KEYS3 = [
	"Tab to the map, Enter: go from item to item; arrows to the next in that direction",
	"Space: choose the item or let it go; A: its whole class; C: on to the next class",
	"Enter: the gallery of chosen items; Esc: back",
	"With the pointer: draw a line round items; with Shift they are added"
];
var place3 = (v) => Number.isFinite(v) ? v : null;
var maps = 0;
var MapTools = class {
	constructor(seat) {
		this.seat = seat;
		const { plot, body } = seat;
		maps += 1;
		const help = h("div", { class: "vg-heard", id: `vg-map-keys-${maps}` }, KEYS3.join(". "));
		plot.tabIndex = 0;
		plot.setAttribute("role", "application");
		plot.setAttribute("aria-roledescription", "map");
		plot.setAttribute("aria-describedby", help.id);
		plot.append(this.overlay.canvas);
		this.chosenView = new ChosenView({
			closed: () => this.closeGallery(),
			cleared: () => {
				this.chosen.clear();
				this.closeGallery();
				this.say("Nothing is chosen");
			},
			said: (words2) => this.say(words2)
		});
		this.bar = new Bar(seat.bar, seat.live, {
			classChosen: (kind) => this.chooseClass(kind),
			picturesToggled: () => {
				this.reader.pictures = !this.reader.pictures;
				seat.redraw();
			},
			galleryOpened: () => this.openGallery(),
			optionChosen: (name, value) => seat.option(name, value)
		});
		this.pointer = new MapPointer(
			this.overlay.canvas,
			{
				shown: () => this.shown,
				meant: (item) => this.hover(item),
				clicked: (item) => this.toggle(item),
				ringed: (items, add) => this.ringed(items, add),
				drew: () => this.follow()
			},
			this.stop.signal
		);
		body.append(this.note, this.card.node, this.chosenView.node, this.heard, help);
		this.listen(plot);
	}
	keys = KEYS3;
	overlay = new Overlay();
	card = new Card();
	/** Why the map is not the one that was asked for. */
	note = h("p", { class: "vg-map-note", hidden: true });
	heard = h("div", { class: "vg-heard", "aria-live": "polite" });
	chosenView;
	bar;
	chosen = /* @__PURE__ */ new Set();
	quiet = window.matchMedia("(prefers-reduced-motion: reduce)");
	stop = new AbortController();
	pointer;
	hovered = -1;
	focused = -1;
	pointing = false;
	pending = 0;
	tokens = null;
	ratio = 1;
	size = { width: 0, height: 0 };
	/** Which items the chosen ones are: of another reference set they would be others. */
	of = "";
	get reader() {
		return readerOf(this.seat.local);
	}
	get shown() {
		return shownOf(this.seat.local);
	}
	listen(plot) {
		const { signal } = this.stop;
		const key = (event) => {
			if (event.target !== plot || !this.pressed(event)) return;
			event.preventDefault();
			event.stopPropagation();
		};
		plot.addEventListener("keydown", key, { signal });
		plot.addEventListener("blur", () => this.leave(), { signal });
		this.reader.moves = !this.quiet.matches;
		this.quiet.addEventListener("change", () => this.reader.moves = !this.quiet.matches, { signal });
	}
	/* ---- drawing ---- */
	drawn(picture2, panel, tokens) {
		const shown = this.shown;
		const stage = picture2.stages.find((one) => one.layers.some((layer) => layer.type === "cloud"));
		if (shown === null || stage === void 0) return;
		this.tokens = tokens;
		this.ratio = stage.ratio;
		const lower2 = stage.ctx.canvas;
		this.size = { width: lower2.width / stage.ratio, height: lower2.height / stage.ratio };
		this.overlay.fit(lower2);
		setText(this.note, panel.message);
		show(this.note, panel.message !== "");
		this.keep(shown);
		const asset = this.asset(shown);
		this.bar.update(
			shown,
			this.reader,
			this.chosen.size,
			asset !== null && asset.sheet !== null,
			choicesOf(shown.layer, panel),
			stage.ratio
		);
		this.chosenView.fill(shown, asset, this.chosen);
		this.follow();
		if (shown.moving) this.again();
	}
	/** What was chosen stays so as long as the items are the same. */
	keep(shown) {
		const of = `${shown.layer.asset}|${shown.px.length}`;
		if (of !== this.of && this.of !== "") {
			this.chosen.clear();
			this.hovered = -1;
			this.focused = -1;
			if (this.chosenView.open) this.closeGallery();
		}
		this.of = of;
	}
	again() {
		if (this.pending !== 0) return;
		this.pending = requestAnimationFrame(() => {
			this.pending = 0;
			if (this.seat.section.offsetParent !== null && this.seat.section.isConnected) this.seat.redraw();
		});
	}
	/** Draws what follows the hand: overlay and card. */
	follow() {
		const { shown, tokens } = this;
		if (shown === null || tokens === null) return;
		const item = this.current(shown);
		this.overlay.draw(shown, tokens, this.ratio, {
			chosen: this.chosen,
			item,
			pointing: this.pointing,
			lasso: this.pointer.lasso
		});
		if (item < 0 || this.pointer.drawing || this.chosenView.open) this.card.hide();
		else this.card.show(shown, this.asset(shown), item, this.ratio, this.size.width, this.size.height);
	}
	current(shown) {
		const item = this.hovered >= 0 ? this.hovered : this.pointing ? this.focused : -1;
		return item >= 0 && Number.isFinite(shown.px[item]) ? item : -1;
	}
	asset(shown) {
		return shown.layer.asset === "" ? null : this.seat.asset(shown.layer.asset);
	}
	say(words2) {
		this.heard.textContent = words2;
	}
	hover(item) {
		if (item === this.hovered) return;
		this.hovered = item;
		this.follow();
	}
	/* ---- choosing ---- */
	ringed(items, add) {
		if (items.length === 0) {
			this.say("No item is inside the line");
			return;
		}
		if (!add) this.chosen.clear();
		for (const item of items) this.chosen.add(item);
		this.openGallery();
	}
	toggle(item) {
		if (!this.chosen.delete(item)) this.chosen.add(item);
		this.changed();
		this.say(`${this.called(item)}, ${this.chosen.has(item) ? "chosen" : "let go"}; ${count(this.chosen.size)} chosen`);
	}
	chooseClass(kind) {
		const { shown } = this;
		if (shown === null) return;
		this.bar.list(false);
		const { layer } = shown;
		const own = coloured(layer, this.reader.picked);
		if (!own.includes(kind)) this.reader.picked = [...this.reader.picked ?? [], kind].slice(-SHAPES.length);
		this.chosen.clear();
		for (let i = 0; i < shown.px.length; i++) if (kindOf(layer, i) === kind) this.chosen.add(i);
		this.seat.redraw();
		this.openGallery();
	}
	changed() {
		const { shown } = this;
		if (shown !== null) this.chosenView.fill(shown, this.asset(shown), this.chosen);
		this.seat.redraw();
	}
	openGallery() {
		const { shown } = this;
		if (shown === null || this.chosen.size === 0) return;
		this.chosenView.show(shown, this.asset(shown), this.chosen, true);
		this.say(`${count(this.chosen.size)} chosen`);
		this.changed();
	}
	closeGallery() {
		const back = this.chosenView.node.contains(document.activeElement);
		this.chosenView.hide();
		this.changed();
		if (back) this.seat.plot.focus();
	}
	/* ---- keys ---- */
	key() {
		return false;
	}
	pressed(event) {
		const { shown } = this;
		if (shown === null || event.ctrlKey || event.metaKey || event.altKey) return false;
		const to = ARROWS3[event.key];
		if (!this.pointing) return event.key === "Enter" || to !== void 0 ? this.enter(shown) : false;
		if (to !== void 0) this.point(shown, towards(shown.toX, shown.toY, this.focused, to));
		else if (event.key === " ") this.toggle(this.focused);
		else if (event.key === "Enter") {
			if (this.chosen.size === 0) this.toggle(this.focused);
			this.openGallery();
		} else if (event.key === "c" || event.key === "C") this.nextClass(shown, event.shiftKey ? -1 : 1);
		else if (event.key === "a" || event.key === "A") this.addClass(shown);
		else if (event.key === "Escape") this.leave();
		else return false;
		return true;
	}
	enter(shown) {
		const { frame } = shown;
		const known2 = this.focused >= 0 && Number.isFinite(shown.toX[this.focused]);
		const item = known2 ? this.focused : nearest(shown.toX, shown.toY, (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2);
		if (item < 0) return false;
		this.pointing = true;
		this.point(shown, item);
		return true;
	}
	leave() {
		if (!this.pointing) return;
		this.pointing = false;
		this.say("");
		this.follow();
	}
	point(shown, item) {
		if (item < 0) return;
		this.focused = item;
		this.hovered = -1;
		const mates = matesOf(shown.layer, item).length;
		const more = [this.chosen.has(item) ? "chosen" : "", mates > 0 ? `${mates} more of the same` : ""].filter(
			(words2) => words2 !== ""
		);
		this.say([this.called(item), ...more].join(", "));
		this.follow();
	}
	called(item) {
		const { shown } = this;
		if (shown === null) return "";
		const kind = classOf(shown, item);
		return `${nameOf(shown, this.asset(shown), item)}${kind === "" ? "" : `, ${kind}`}`;
	}
	nextClass(shown, by) {
		const centres = middles(shown.layer, shown.toX, shown.toY);
		const n = centres.length;
		const here = kindOf(shown.layer, this.focused);
		for (let tries = 1; tries <= n; tries++) {
			const kind = (((here < 0 && by < 0 ? 0 : here) + by * tries) % n + n) % n;
			const centre = centres[kind];
			if (centre == null) continue;
			this.point(shown, middleOf(centre.items, shown.toX, shown.toY));
			return;
		}
	}
	addClass(shown) {
		const kind = kindOf(shown.layer, this.focused);
		if (kind < 0) return;
		for (let i = 0; i < shown.px.length; i++) if (kindOf(shown.layer, i) === kind) this.chosen.add(i);
		this.changed();
		this.say(`${shown.layer.kinds[kind]} chosen; ${count(this.chosen.size)} chosen`);
	}
	/* ---- ---- */
	state() {
		const { shown } = this;
		return {
			chosen: [...this.chosen].sort((a, b) => a - b),
			hovered: this.hovered,
			focused: this.pointing ? this.focused : -1,
			gallery: this.chosenView.open,
			tiles: this.chosenView.shown,
			pictures: this.reader.pictures,
			pictured: shown?.pictured ?? [],
			drawn: shown?.drawn ?? "",
			moving: shown?.moving ?? false,
			coloured: shown === null ? [] : coloured(shown.layer, this.reader.picked),
			asked: this.bar.wishes,
			said: this.heard.textContent ?? "",
			// Where each item stands in the panel, for a hand that is to find it.
			px: Array.from(shown?.px ?? [], place3),
			py: Array.from(shown?.py ?? [], place3)
		};
	}
	dispose() {
		this.stop.abort();
		if (this.pending !== 0) cancelAnimationFrame(this.pending);
	}
};
var projectionTools = (seat) => new MapTools(seat);

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
	answer(ack, words2) {
		if (this.wish === null || this.wish.id !== ack.id) return false;
		if (ack.state === "applied") this.confirmed = ack.value ?? this.wish.value;
		this.framesSince = 0;
		this.told = words2;
		this.refused = ack.state === "refused";
		this.wish = null;
		return true;
	}
	/** A frame came. What it says is applied is what is applied, except that one frame may have been on its
	 * way when the answer was sent. */
	frame(value, note2, pending, now) {
		if (this.wish !== null && pending === null && same(this.wish.value, value) && this.waiting(now) > LOST) this.wish = null;
		if (this.confirmed !== null) {
			this.framesSince += 1;
			if (same(this.confirmed, value) || this.framesSince > 1) this.confirmed = null;
		}
		if (this.confirmed === null && note2 !== "" && !this.refused) this.told = "";
	}
	applied(value) {
		return this.confirmed ?? value;
	}
	waiting(now) {
		return this.wish?.id == null ? 0 : now - this.wish.since;
	}
};

// src/temperature/shares.ts
var LEVELS = 65534;
var BINS = 64;
var HARDEST = 100;
function sorted({ data, shape: shape2 }) {
	const [count2, length] = shape2;
	return Array.from({ length: count2 }, (_, row) => {
		const steps = Float64Array.from({ length }, (_2, i) => data[row * length + i] ?? NaN).filter((step) => step <= LEVELS);
		return steps.map((step) => step / LEVELS * 2 - 1).sort().reverse();
	});
}
function anchorsOf(layer) {
	return { negatives: sorted(layer.negatives), positives: sorted(layer.positives), standsFor: layer.stands_for };
}
function sum(values, until = values.length) {
	let total = 0;
	for (let i = 0; i < until; i++) total += values[i];
	return total;
}
function sharedAt({ negatives, positives, standsFor }, temperature) {
	const counts = new Float64Array(BINS);
	const weight = new Float64Array(BINS);
	const push = new Float64Array(BINS);
	let hardest = 0;
	let entropy = 0;
	let coupling = 0;
	let used = 0;
	let paired = 0;
	negatives.forEach((cosines, row) => {
		const n = cosines.length;
		if (n === 0) return;
		used += 1;
		const top = cosines[0];
		const factors = cosines.map((s) => Math.exp((s - top) / temperature));
		const total = sum(factors);
		hardest += sum(factors, Math.max(1, Math.floor((n + HARDEST / 2) / HARDEST))) / total;
		const mean = sum(factors.map((factor, i) => factor * (cosines[i] - top) / temperature)) / total;
		entropy += Math.max(0, Math.log(total) - mean + Math.log(standsFor));
		for (let i = 0; i < n; i++) {
			const bin = Math.min(BINS - 1, Math.floor((cosines[i] + 1) * (BINS / 2)));
			const share = factors[i] / total;
			counts[bin] += 1;
			weight[bin] += share * n;
			push[bin] += share;
		}
		const own = positives[row] ?? [];
		if (own.length === 0) return;
		paired += 1;
		const pull = sum(Float64Array.from(own, (s) => Math.exp((s - own[0]) / temperature)));
		coupling += 1 / (1 + pull / (total * standsFor) * Math.exp((own[0] - top) / temperature));
	});
	return {
		hardest: hardest / used,
		entropy: entropy / used,
		coupling: paired === 0 ? null : coupling / paired,
		counts,
		weight: weight.map((total, bin) => total / counts[bin]),
		push: push.map((share) => share / used)
	};
}

// src/temperature/tools.ts
var KEYS4 = [
	"Tab to τ, arrows: try another temperature, with Shift ten notches; Enter: apply it; Esc: back to the one in force"
];
var NOTCHES_A_DECADE2 = 20;
var LEAST2 = 0.01;
var HINT = "drag τ to see the weights at another temperature";
var TemperatureTools = class {
	constructor(seat) {
		this.seat = seat;
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
	keys = KEYS4;
	slider = h("input", { type: "range", class: "vg-tau", step: 1, min: 0, "aria-label": "Temperature to try" });
	value = h("span", { class: "vg-tau-value" });
	apply = h("button", { type: "button", class: "vg-quiet" }, "Apply");
	back = h("button", { type: "button", class: "vg-quiet", title: "Back to the temperature in force" }, "Reset");
	row = h("div", { class: "vg-tau-row" }, h("span", {}, "try τ"), this.slider, this.value, this.apply, this.back);
	told = h("div", { class: "vg-foot vg-tried", "aria-live": "polite", hidden: true });
	layer = null;
	anchors = null;
	of = null;
	tried = null;
	asked = null;
	shared = null;
	prepare(panel) {
		const layers = panel.plots.flatMap((plot) => plot.layers);
		this.layer = layers.find((layer) => layer.type === "weights") ?? null;
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
		this.shared = sharedAt(this.anchors, this.tried);
		return { ...panel, plots: panel.plots.map((plot) => this.added(plot, this.shared, `τ ${tick(this.tried)}`)) };
	}
	added(plot, { counts, weight, push }, name) {
		const middles3 = Array.from({ length: BINS }, (_, bin) => (bin + 0.5) * 2 / BINS - 1);
		if (plot.key === "weight") {
			const held = middles3.map((_, bin) => bin).filter((bin) => counts[bin] > 0);
			const y = held.map((bin) => weight[bin] >= LEAST2 ? weight[bin] : NaN);
			return { ...plot, layers: [line(held.map((bin) => middles3[bin]), y, name), ...plot.layers] };
		}
		if (plot.key !== "push") return plot;
		return { ...plot, layers: [line(middles3, Array.from(push, (share) => share * BINS / 2), ""), ...plot.layers] };
	}
	drawn(_) {
		const { layer, seat, shared, tried } = this;
		show(this.row, layer !== null);
		show(this.told, layer !== null);
		if (layer === null) return;
		const notches = Math.max(1, Math.round(Math.log10(layer.high / layer.low) * NOTCHES_A_DECADE2));
		const shown = tried ?? layer.temperature;
		setAttribute(this.slider, "max", String(notches));
		const at2 = String(Math.round(this.part(shown) * notches));
		if (this.slider.value !== at2) this.slider.value = at2;
		const words2 = shared === null ? "in force" : said2(shared);
		setAttribute(this.slider, "aria-valuetext", `${tick(shown)}, ${words2}`);
		setText(this.value, tick(shown));
		setText(this.told, shared === null ? HINT : `at τ ${tick(shown)}: ${words2}${this.asked === null ? "" : "; asked for"}`);
		const refusal2 = layer.control === "" ? "This run has no control for it." : seat.refusal(layer.control);
		show(this.apply, seat.live);
		this.apply.disabled = tried === null || refusal2 !== "" || this.asked !== null;
		const hint = tried === null ? "Choose another temperature first." : "Train on at this temperature";
		setAttribute(this.apply, "title", refusal2 !== "" ? refusal2 : this.asked !== null ? "Asked for; its control says when it is applied." : hint);
		this.back.disabled = tried === null;
	}
	part(value) {
		return fraction(value, { ...this.layer, scale: "log" });
	}
	try(value) {
		this.tried = value;
		this.asked = null;
		this.seat.redraw();
	}
	moved() {
		if (this.layer === null) return;
		const { low, high } = this.layer;
		this.try(valueAt(Number(this.slider.value) / Number(this.slider.max), { low, high, scale: "log" }));
	}
	pressed(event) {
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
	send() {
		if (this.layer === null || this.tried === null || this.apply.disabled) return;
		this.asked = this.tried;
		this.seat.control(this.layer.control, this.tried);
		this.seat.redraw();
	}
	key() {
		return false;
	}
	state() {
		const { layer, tried, asked, shared } = this;
		const { hardest = null, entropy = null, coupling = null } = shared ?? {};
		return { temperature: layer?.temperature ?? null, tried, asked, hardest, entropy, coupling, told: this.told.textContent };
	}
	dispose() {
		this.told.remove();
	}
};
function said2({ hardest, entropy, coupling }) {
	return `hardest 1 % take ${percent(hardest)}, entropy ${number(entropy)}${coupling === null ? "" : `, q ${coupling.toFixed(2)}`}`;
}
function line(x, y, label) {
	const drawn = {
		type: "line",
		key: "preview",
		x,
		y,
		color: "second",
		dash: "solid",
		width: 1.25,
		opacity: 1,
		fill: false,
		end_dot: false,
		label,
		fill_to: ""
	};
	return drawn;
}
var temperatureTools = (seat) => new TemperatureTools(seat);

// src/tools.ts
var TOOLS = {
	attention: attentionTools,
	pairs: pairsTools,
	projection: projectionTools,
	temperature: temperatureTools
};

// src/panel.ts
var TIGHTER = ["vg-tight", "vg-tighter", "vg-tightest"];
var PanelView = class {
	constructor(noun, view, crosshair, host) {
		this.noun = noun;
		this.crosshair = crosshair;
		this.host = host;
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
			this.host.redraw(this.noun);
		});
		this.plot.addEventListener("pointermove", (event) => {
			const box = this.plot.getBoundingClientRect();
			if (this.picture !== null) crosshair.point(pointAt(this.picture, noun, event.clientX - box.left, event.clientY - box.top));
		});
		this.plot.addEventListener("pointerleave", () => crosshair.point(null));
		this.stopListening = crosshair.listen((pointed) => this.drawUpper(pointed));
		const { section, body, plot, bar, local } = this;
		this.body.append(bar);
		this.tools = TOOLS[noun]?.({
			noun,
			section,
			body,
			plot,
			bar,
			local,
			live: host.live,
			option: (name, value) => host.option(noun, name, value),
			control: (name, value) => host.control(name, value),
			refusal: (name) => host.refusal(name),
			asset: (name) => host.asset(name),
			redraw: () => host.redraw(noun)
		}) ?? null;
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
	local = /* @__PURE__ */ new Map();
	bar = h("div", { class: "vg-toolbar" });
	tools;
	stopListening;
	/** A key pressed in this panel; true when its tools used it. */
	key(event) {
		return this.tools?.key(event) ?? false;
	}
	get keysInWords() {
		return this.tools?.keys ?? [];
	}
	dispose() {
		this.stopListening();
		this.tools?.dispose();
		this.section.remove();
	}
	get endsInWords() {
		return (this.panel?.ends ?? []).filter((end) => end !== "");
	}
	toggleTable() {
		this.showsTable = !this.showsTable;
		this.host.redraw(this.noun);
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
		const { width: width3, height } = this;
		if (width3 === 0 || height === 0) return this.picture;
		const ctx = this.lower.getContext("2d");
		if (ctx === null) throw new Error("this browser gives no canvas to draw on");
		const asset = (name) => this.host.asset(name);
		const shown = this.tools?.prepare?.(panel) ?? panel;
		const picture2 = drawPicture({ ctx, width: width3, height, ratio, tokens, memory: this.memory, local: this.local, asset }, shown);
		this.tokens = tokens;
		this.tools?.drawn(picture2, panel, tokens);
		return picture2;
	}
	tokens = null;
	/* Columns of a grid begin between pixels. A canvas that does too is resampled, and its words are blurred; so it
	 * is moved to the next whole pixel and given a whole number of them. */
	measure(ratio) {
		const box = this.body.getBoundingClientRect();
		const width3 = Math.floor(box.width);
		const height = Math.floor(box.height);
		this.width = width3;
		this.height = height;
		const shift = (place4) => `${(Math.round(place4 * ratio) / ratio - place4).toFixed(3)}px`;
		const left = shift(box.left);
		const top = shift(box.top);
		for (const canvas of [this.lower, this.upper]) {
			const columns = Math.round(width3 * ratio);
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
		const shape2 = (this.title.textContent + "|" + this.foot.textContent).replace(/\d/g, "0");
		if (shape2 === this.fitted) return;
		this.fitted = shape2;
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
					this.host.redraw(this.noun);
				})
			);
		}
		show(this.causeButton, this.showsLast);
		show(this.tableButton, hasTable && !this.showsLast);
		setText(this.tableButton, this.showsTable ? "Plot" : "Table");
		setAttribute(this.tableButton, "aria-pressed", String(this.showsTable));
		const table2 = this.showsTable && hasTable;
		if (table2) {
			const scroll = this.tableBox.scrollTop;
			this.tableBox.replaceChildren(drawTable(panel));
			this.tableBox.scrollTop = scroll;
		}
		show(this.tableBox, table2);
		show(this.note, noted && !table2);
		show(this.plot, !noted && !table2);
		const waits = state === "loading" && this.good !== null;
		show(this.bar, (!noted || waits) && !table2 && this.tools !== null);
		setAttribute(this.plot, "aria-label", `${panel.noun}, ${panel.unit}. ${panel.summary}`);
		if (noted || table2) this.readout.hidden = true;
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
		const picture2 = this.picture;
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
			series: picture2 === null ? {} : readBack(picture2),
			words: (picture2?.words ?? []).map((w) => ({
				text: w.text,
				clear: w.clear,
				box: [w.box.left, w.box.top, w.box.right, w.box.bottom]
			})),
			beyond: picture2?.beyond ?? 0,
			tools: this.tools?.state() ?? {}
		};
	}
};
function whenText(panel, state) {
	if (panel.step === null) return "";
	return state === "stopped" || state === "failed" ? `step ${count(panel.step)}` : "";
}

// src/board.ts
var MARKED_MS = 6e3;
var Board = class {
	/** `shown` is called when other panels are shown than before; `changed` when all must be drawn again. */
	constructor(view, crosshair, host, shown, changed) {
		this.view = view;
		this.crosshair = crosshair;
		this.host = host;
		this.shown = shown;
		this.changed = changed;
	}
	node = h("div", { class: "vg-grid" });
	panels = /* @__PURE__ */ new Map();
	nouns = [];
	own = { order: [], hidden: [] };
	name = null;
	told = "";
	marking = 0;
	dispose() {
		window.clearTimeout(this.marking);
		for (const panel of this.panels.values()) panel.dispose();
	}
	/** The panel an element lies in. */
	panelOf(element) {
		const section = element?.closest("[data-panel]");
		return this.panels.get(section?.dataset["panel"] ?? "") ?? null;
	}
	/** Every panel there is, in the reader's order, and whether it is shown. */
	list() {
		const there = visible(this.nouns, this.own);
		return ordered(this.nouns, this.own).map((noun) => ({ noun, shown: there.includes(noun) }));
	}
	/** Takes the panels of a run by their nouns. */
	arrange(name, nouns) {
		if (name !== this.name) {
			this.name = name;
			this.own = recall(name);
		}
		this.nouns = nouns;
		const there = visible(nouns, this.own);
		if ([...this.panels.keys()].join("|") !== there.join("|")) this.put(there);
		const words2 = there.length === nouns.length ? "" : [...there].sort().join("|");
		if (words2 === this.told) return;
		this.told = words2;
		this.shown(there);
	}
	toggle(noun) {
		this.set(toggled(this.own, noun));
	}
	shift(noun, by) {
		this.set(shifted(this.nouns, this.own, noun, by));
	}
	set(own) {
		this.own = own;
		if (this.name === null) return;
		keep(this.name, own);
		this.arrange(this.name, this.nouns);
		this.changed();
	}
	put(nouns) {
		const kept = new Map(this.panels);
		this.panels.clear();
		for (const noun of nouns) {
			const panel = kept.get(noun) ?? new PanelView(noun, this.view, this.crosshair, this.host);
			kept.delete(noun);
			this.panels.set(noun, panel);
			this.node.append(panel.section);
		}
		for (const gone of kept.values()) gone.dispose();
		spans(nouns).forEach(({ two, three }, i) => {
			const { dataset } = this.panels.get(nouns[i]).section;
			dataset["two"] = String(two);
			dataset["three"] = String(three);
		});
	}
	/** Which panels are evidence of an open finding: its name by their nouns. */
	evidence(found) {
		for (const [noun, { section }] of this.panels) {
			const name = found.get(noun);
			setAttribute(section, "data-evidence", name ?? null);
			setAttribute(section, "aria-label", name === void 0 ? `Panel ${noun}` : `Panel ${noun}, evidence of ${name}`);
		}
	}
	/** Marks a panel for a while and brings it into view; one that is not shown is shown again. */
	mark(noun) {
		if (!this.panels.has(noun) && this.nouns.includes(noun)) this.toggle(noun);
		const section = this.panels.get(noun)?.section;
		if (section === void 0) return;
		if (this.alone !== null && this.alone !== section) this.setAlone(null);
		for (const view of this.panels.values()) view.section.classList.toggle("vg-visited", view.section === section);
		window.clearTimeout(this.marking);
		this.marking = window.setTimeout(() => section.classList.remove("vg-visited"), MARKED_MS);
		section.scrollIntoView({ block: "nearest" });
	}
	resized() {
		for (const panel of this.panels.values()) panel.resized();
	}
	get alone() {
		return this.node.querySelector(".vg-alone");
	}
	/** One panel at full width, or all again. */
	setAlone(section) {
		for (const view of this.panels.values()) view.section.classList.toggle("vg-alone", view.section === section);
		this.node.classList.toggle("vg-one", section !== null);
		this.changed();
		section?.focus();
	}
	move(section, to) {
		const sections = [...this.panels.values()].map((view) => view.section).filter((s) => s.offsetParent !== null);
		const from = sections.findIndex((other) => other === section);
		if (from >= 0) sections[neighbour(sections.map((s) => s.getBoundingClientRect()), from, to)]?.focus();
	}
};

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

// src/choice.ts
var ChoiceView = class {
	constructor(control, view, send) {
		this.control = control;
		this.view = view;
		this.send = send;
		const top = h("div", { class: "vg-control-top" }, this.label, this.unit, this.note.node);
		this.node = h(
			"div",
			{ class: "vg-control", "data-control": control.name, role: "radiogroup", "aria-label": control.label },
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
			input.addEventListener("change", () => this.ask(option));
			this.inputs.set(option, input);
			const words2 = h("span", {}, option);
			const isDefault = option === control.default ? h("span", { class: "vg-small" }, "default") : null;
			this.options.append(h("label", { class: "vg-option" }, input, words2, isDefault));
		}
	}
	ask(value) {
		this.wishes.ask(value, seconds());
		this.wishes.sent(this.send(this.control.name, value), seconds());
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
	const line3 = (cls, x1, y1, x2, y2) => svg("line", { class: cls, x1, y1, x2, y2 });
	const root = svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, "aria-hidden": "true" });
	const start = hasZero(control) ? at2(control.low) : MARGIN;
	if (start > MARGIN) root.append(line3("vg-track vg-track-gap", MARGIN, TRACK, start, TRACK));
	root.append(line3("vg-track", start, TRACK, total - MARGIN, TRACK));
	root.append(line3("vg-track-done", start, TRACK, Math.max(start, at2(was ?? shown)), TRACK));
	if (was !== null) root.append(line3("vg-track-asked", at2(was), TRACK, at2(shown), TRACK));
	const ticks = hasZero(control) ? [0, ...control.ticks] : control.ticks;
	const labels = ticks.map(tick);
	const sizes2 = labels.map(width);
	const taken = [];
	for (const spot of layTicks(ticks.map(at2), sizes2, 0, total, 8)) {
		root.append(line3("vg-tick", spot.at, TRACK + 4, spot.at, TRACK + 7));
		const label = labels[spot.index];
		const first = spot.from <= 0.5;
		const last = spot.from + spot.size >= total - 0.5;
		const x = first ? 0 : last ? total : spot.at;
		root.append(svg("text", { x, y: TRACK + 19, "text-anchor": first ? "start" : last ? "end" : "middle" }, label));
		taken.push([spot.from, spot.from + spot.size]);
	}
	if (control.default !== null) {
		const x = at2(control.default);
		root.append(line3("vg-default", x, TRACK - 5, x, TRACK + 5));
		const words2 = `default ${setting(control.default, 1).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}`;
		const free = freeSpot2(x, width(words2), taken, total);
		if (free !== null) root.append(svg("text", { x: free, y: TRACK + 19, "text-anchor": "middle" }, words2));
	}
	if (was !== null) root.append(svg("circle", { class: "vg-ring", cx: at2(was), cy: TRACK, r: 4.5 }));
	const thumb = svg("circle", { class: was === null ? "vg-thumb" : "vg-thumb vg-thumb-asked", cx: at2(shown), cy: TRACK, r: 6 });
	root.append(thumb);
	return root;
}
function freeSpot2(x, size, taken, total) {
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
	write(kind, words2) {
		setText(this.mark, { none: "", pending: "◌ ", applied: "✓ ", refused: "▲ " }[kind]);
		setText(this.words, words2);
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
		setAttribute(this.slider, "aria-valuemin", String(lowest(control)));
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
	ask(value) {
		this.wishFor(Number(value));
		this.commit();
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
		const low = lowest(this.control);
		const { high } = this.control;
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
function refusal(frame, name) {
	if (frame === null) return "Nothing trains behind this picture.";
	const { state } = frame.header;
	if (state !== "live" && state !== "paused") return `The run is ${state}.`;
	return frame.controls.some((control) => control.name === name) ? "" : `This run has no control "${name}".`;
}
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
	/** What somebody chose elsewhere than on its slider; shown here as pending until it is applied. */
	ask(name, value) {
		this.views.get(name)?.ask(value);
	}
	/** What a control says of its value: "pending, was 0.50", "applied at step 620", or why it was refused. */
	told(name) {
		const note2 = this.views.get(name)?.node.querySelector(".vg-control-note");
		return { kind: note2?.dataset["kind"] ?? "none", words: note2?.textContent ?? "" };
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
		this.node.dataset["across"] = String([3, 5, 6, 9].includes(controls.length) ? 3 : 4);
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

// src/findings.ts
var WORDS = { note: "Note", warning: "Warning", failure: "Failure" };
function stops(findings) {
	return findings.flatMap((one, finding) => [{ finding, chip: -1 }, ...one.chips.map((_, chip) => ({ finding, chip }))]);
}
function evidence(findings) {
	const found = /* @__PURE__ */ new Map();
	for (const one of [...findings].reverse()) {
		if (one.severity !== "note") {
			for (const chip of one.chips) if (chip.home !== "") found.set(chip.home, one.name);
		}
	}
	return found;
}
function says(one) {
	const sign = one.severity === "warning" ? [triangle()] : one.severity === "failure" ? [cross()] : [];
	const words2 = document.createTextNode(` since step ${count(one.since)}: ${one.says}`);
	return [...sign, h("span", { class: "vg-severity" }, WORDS[one.severity]), words2];
}
function button(words2, cls = "vg-button") {
	return h("button", { type: "button", class: cls }, words2);
}
var FindingsView = class {
	constructor(around2) {
		this.around = around2;
		this.deeds.append(this.remedy, this.more, this.why, this.away, this.back);
		const body = h("div", { class: "vg-finding-body" }, this.live, this.facts, this.rest);
		this.node = h("section", { class: "vg-findings", "aria-label": "Findings", hidden: true }, body, this.deeds);
		this.remedy.addEventListener("click", () => this.apply());
		this.away.addEventListener("click", () => this.dismiss());
		this.more.addEventListener("click", () => this.list("others"));
		this.why.addEventListener("click", () => this.list("why"));
		this.back.addEventListener("click", () => around2.go(null));
	}
	node;
	says = h("p", { tabindex: -1, class: "vg-finding-says" });
	facts = h("div", { class: "vg-chips" });
	rest = h("ul", { class: "vg-finding-rest", hidden: true });
	deeds = h("div", { class: "vg-finding-deeds" });
	remedy = button("", "vg-button vg-remedy");
	told = h("span", { class: "vg-small vg-control-note" });
	more = button("");
	why = button("Why");
	away = button("Dismiss");
	back = button("Live");
	chips = [];
	strip = null;
	said = "";
	/** The finding that is open, where the reader chose one. */
	chosen = "";
	listed = "";
	/** What was asked for, by the finding it was asked for. */
	asked = /* @__PURE__ */ new Map();
	gone = /* @__PURE__ */ new Set();
	live = h("div", { class: "vg-finding-words", role: "status", "aria-live": "polite" }, this.says);
	/** The findings that are shown, worst first. */
	get findings() {
		return (this.strip?.findings ?? []).filter((one) => !this.gone.has(one.ident));
	}
	get open() {
		return this.findings.find((one) => one.ident === this.chosen) ?? this.findings[0];
	}
	update(strip) {
		if (strip !== void 0) this.strip = strip;
		const said3 = JSON.stringify([this.strip, this.chosen, this.listed, [...this.gone]]);
		if (said3 !== this.said) {
			this.said = said3;
			this.write();
		}
		this.refresh();
	}
	again() {
		this.update(void 0);
	}
	write() {
		const { strip, open } = this;
		const healthy = strip?.healthy ?? "";
		show(this.node, open !== void 0 || healthy !== "");
		setAttribute(this.node, "data-severity", open?.severity ?? "none");
		setAttribute(this.node, "data-finding", open?.name ?? "");
		this.writeSays(open, strip, healthy);
		this.writeFacts(open, strip);
		this.writeRest(open, strip);
		const others = this.findings.length - 1;
		show(this.more, others > 0);
		setText(this.more, this.listed === "others" ? "Show one" : `${others} more`);
		setAttribute(this.more, "aria-expanded", String(this.listed === "others"));
		const lacking = strip?.lacking.length ?? 0;
		show(this.why, open !== void 0 || lacking > 0 && strip?.past !== true);
		setText(this.why, open !== void 0 ? "Why" : "Which");
		setAttribute(this.why, "aria-expanded", String(this.listed === "why"));
		show(this.away, open !== void 0 && this.around.live && strip?.past !== true);
		show(this.back, strip?.past === true && (strip.ahead > 0 || open !== void 0));
	}
	writeSays(open, strip, healthy) {
		const ahead = strip?.past === true && open === void 0 ? strip.ahead : 0;
		const since = ahead === 0 ? "" : ` Since then: ${ahead} finding${ahead === 1 ? "" : "s"}.`;
		const nodes = open === void 0 ? [document.createTextNode(healthy + since)] : says(open);
		const before = this.says.textContent;
		const holder = h("p", {}, ...nodes);
		if (holder.textContent !== before) this.says.replaceChildren(...nodes);
	}
	writeFacts(open, strip) {
		show(this.facts, open !== void 0);
		this.chips = (open?.chips ?? []).map((chip) => this.chip(chip));
		const words2 = [open?.confidence ?? "", strip?.past === true ? "" : strip?.counts ?? ""].filter((part) => part !== "");
		const facts = h("span", { class: "vg-small" }, words2.map((part) => `${part}.`).join(" "));
		const first = open?.try[0] ?? "";
		const said3 = first !== "" && (open?.remedy == null || !this.around.live) && !this.asked.has(open?.ident ?? "");
		const hint = said3 ? [h("p", { class: "vg-finding-try" }, h("b", {}, "Try"), ` ${first}`)] : [];
		this.facts.replaceChildren(...this.chips, facts, this.told, ...hint);
	}
	chip(chip) {
		const made = h("button", { type: "button", class: "vg-chip", "data-home": chip.home, "data-step": chip.step });
		made.append(h("span", {}, chip.noun), h("i", {}, ` ${chip.words}`));
		const where = chip.home === "" ? `step ${count(chip.step)}` : `${chip.home} at step ${count(chip.step)}`;
		setAttribute(made, "title", `${chip.title}. Press to see ${where}.`);
		made.addEventListener("click", () => {
			this.around.go(chip.step);
			if (chip.home !== "") this.around.mark(chip.home);
		});
		return made;
	}
	writeRest(open, strip) {
		show(this.rest, this.listed !== "");
		if (this.listed === "others") {
			this.rest.replaceChildren(...this.findings.filter((one) => one !== open).map((one) => this.other(one)));
		} else if (this.listed === "why") {
			this.rest.replaceChildren(...this.reasons(open, strip).map((words2) => h("li", {}, words2)));
		}
	}
	other(one) {
		const row = h("button", { type: "button", class: "vg-finding-other", "data-severity": one.severity }, ...says(one));
		row.addEventListener("click", () => this.choose(one));
		return h("li", {}, row);
	}
	reasons(open, strip) {
		const lacking = (strip?.lacking ?? []).map((words2) => `Not checked: ${words2}`);
		if (open === void 0) return lacking;
		const more = open.explains.length === 0 ? [] : [`It explains: ${open.explains.join(", ")}`];
		const book = open.notebook === "" ? [] : [`A notebook about it: ${open.notebook}`];
		const numbers2 = open.chips.map((chip) => `${chip.title}, measured at step ${count(chip.step)}`);
		const tries = open.try.map((words2, i) => `Try ${i + 1}: ${words2}`);
		return [`Name: ${open.name}`, ...numbers2, ...open.apart, ...more, ...tries, ...book, ...lacking];
	}
	choose(one) {
		this.chosen = one.ident;
		this.listed = "";
		this.again();
		this.says.focus({ preventScroll: true });
	}
	list(what) {
		this.listed = this.listed === what ? "" : what;
		this.again();
	}
	/* ---- what is done about it ---- */
	apply() {
		const { open } = this;
		if (open?.remedy == null || this.remedy.getAttribute("aria-disabled") === "true") return;
		this.asked.set(open.ident, open.remedy);
		this.around.control(open.remedy.control, open.remedy.value);
		this.refresh();
	}
	dismiss() {
		const { open } = this;
		if (open === void 0) return;
		this.gone.add(open.ident);
		this.listed = "";
		this.around.dismiss(open);
		this.again();
		this.says.focus({ preventScroll: true });
	}
	/** The truth about what was asked for; also once a second, for a wait is told in seconds. */
	refresh() {
		const { open } = this;
		const asked = open === void 0 ? void 0 : this.asked.get(open.ident);
		const told = asked === void 0 ? { kind: "none", words: "" } : this.around.told(asked.control);
		const pending = told.kind === "pending";
		const offered = this.around.live ? pending ? asked : open?.remedy : void 0;
		show(this.remedy, offered != null);
		if (offered != null) {
			const why = pending ? "It was asked for and is not applied yet." : this.around.refusal(offered.control);
			setText(this.remedy, offered.label);
			setAttribute(this.remedy, "aria-disabled", why === "" ? null : "true");
			setAttribute(this.remedy, "title", why === "" ? open?.try[0] ?? "" : why);
		}
		const words2 = told.kind === "applied" && asked !== void 0 ? `${told.words}: ${lower(asked.label)}` : told.words;
		setText(this.told, words2);
		setAttribute(this.told, "data-kind", told.kind);
		show(this.told, words2 !== "");
	}
	/** The next of the open findings and their evidence gets the focus; a panel that is evidence is marked. */
	next() {
		const round = stops(this.findings);
		if (round.length === 0) return false;
		const to = round[(round.findIndex((stop) => this.isAt(stop)) + 1) % round.length];
		const one = this.findings[to.finding];
		if (one !== this.open) {
			this.chosen = one.ident;
			this.listed = "";
			this.again();
		}
		const chip = this.chips[to.chip];
		(chip ?? this.says).focus({ preventScroll: true });
		const home = chip?.dataset["home"] ?? "";
		if (home !== "") this.around.mark(home);
		else this.node.scrollIntoView({ block: "nearest" });
		return true;
	}
	isAt(stop) {
		const focused = this.node.contains(document.activeElement) && this.findings[stop.finding] === this.open;
		return focused && stop.chip === this.chips.findIndex((chip) => chip === document.activeElement);
	}
};
function lower(words2) {
	return words2.slice(0, 1).toLowerCase() + words2.slice(1);
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
				const word2 = h("span", {}, LABELS[name]);
				const button2 = h("button", { type: "button", class: "vg-button", "data-command": name }, buttonIcon(name), word2);
				button2.addEventListener("click", () => {
					if (this.can(name)) press(name);
				});
				this.buttons.set(name, button2);
				this.words.set(name, word2);
				bar.append(button2);
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
		const shape2 = lost ? "idle" : header.state;
		if (shape2 !== this.shape) {
			this.shape = shape2;
			this.state.replaceChildren(stateIcon(shape2), this.stateWord);
			setAttribute(this.state, "data-run", shape2);
		}
		setText(this.stateWord, lost ? "no answer" : header.state);
		const note2 = lost ? `nothing heard from the kernel for ${this.silent} s` : header.state_note;
		setText(this.stateNote, note2);
		show(this.stateNote, note2 !== "");
	}
	writeNote(header) {
		setText(this.note, this.trouble || header.controls_note);
		this.note.classList.toggle("vg-strong", header.controls_late || this.trouble !== "");
	}
	writeButton(name, header) {
		const button2 = this.buttons.get(name);
		const word2 = this.words.get(name);
		if (button2 === void 0 || word2 === void 0) return;
		const spec = header.buttons[name];
		show(button2, spec !== void 0);
		if (spec === void 0) return;
		setText(word2, spec.label || LABELS[name]);
		setAttribute(button2, "aria-disabled", spec.enabled ? null : "true");
		setAttribute(button2, "title", spec.enabled ? null : spec.why || null);
	}
};
function rateText(rate) {
	if (rate >= 100) return count(rate);
	return number(rate, rate >= 10 ? 0 : 1);
}

// src/help.ts
var HelpView = class {
	node = h("div", { class: "vg-help", role: "region", "aria-label": "Keys and meanings", tabindex: -1, hidden: true });
	get open() {
		return !this.node.hidden;
	}
	show(told) {
		const keys = h("dl", {});
		for (const [key, does] of KEYS) keys.append(h("dt", {}, key), h("dd", {}, does));
		for (const panel of told.panels) {
			const own = panel.keysInWords.join("; ");
			if (own !== "") keys.append(h("dt", {}, `On ${panel.noun}`), h("dd", {}, own));
		}
		const meanings = h("dl", {});
		for (const { noun, endsInWords: words2 } of told.panels) {
			if (words2.length > 0) meanings.append(h("dt", {}, noun), h("dd", {}, words2.join(" ")));
		}
		const button2 = h("button", { type: "button", class: "vg-button" }, "Close");
		button2.addEventListener("click", () => told.close());
		this.node.replaceChildren(
			h("div", {}, h("h3", {}, "Keys"), keys),
			h("div", {}, h("h3", {}, "What the ends mean"), meanings),
			h("div", {}, h("h3", {}, "Panels"), this.choice(told)),
			button2
		);
		if (this.node.hidden) {
			this.node.hidden = false;
			this.node.focus();
		}
	}
	choice(told) {
		const rows = h("ul", { class: "vg-choice" });
		told.list.forEach(({ noun, shown }, i) => {
			const box = h("input", { type: "checkbox" });
			box.checked = shown;
			box.addEventListener("change", () => this.again(told, noun, "input", () => told.toggle(noun)));
			const shift = (by, sign, words2) => {
				const button2 = h("button", { type: "button", class: "vg-quiet", "data-by": by, "aria-label": `${noun} ${words2}`, title: words2 }, sign);
				button2.disabled = by < 0 ? i === 0 : i === told.list.length - 1;
				button2.addEventListener("click", () => this.again(told, noun, `[data-by="${by}"]`, () => told.shift(noun, by)));
				return button2;
			};
			rows.append(h("li", { "data-noun": noun }, h("label", {}, box, noun), shift(-1, "↑", "earlier"), shift(1, "↓", "later")));
		});
		return rows;
	}
	/** Does it, and leaves the focus where it was, in a list that has been written anew. */
	again(told, noun, which, act) {
		act();
		told.refresh();
		this.node.querySelector(`[data-noun="${noun}"] ${which}`)?.focus();
	}
	hide() {
		this.node.hidden = true;
	}
};

// src/keys.ts
var Keys = class {
	constructor(reach2) {
		this.reach = reach2;
	}
	key(event) {
		event.stopPropagation();
		if (event.defaultPrevented) return;
		const target = event.target;
		const focus = focusOf(target);
		const used = focus !== "text" && (this.reach.board.panelOf(target)?.key(event) ?? false);
		const action = used ? null : actionFor(event, focus);
		if (used || action !== null && this.act(action, target)) event.preventDefault();
	}
	toggleHelp() {
		const { help } = this.reach;
		if (help.open) help.hide();
		else this.showHelp();
	}
	showHelp() {
		const { help, board } = this.reach;
		help.show({
			panels: [...board.panels.values()],
			list: board.list(),
			toggle: (noun) => board.toggle(noun),
			shift: (noun, by) => board.shift(noun, by),
			refresh: () => this.showHelp(),
			close: () => help.hide()
		});
	}
	act(action, target) {
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
	press(name) {
		const { header, live, command } = this.reach;
		if (!live) return false;
		if (header.can(name)) command(name);
		else if (header.why(name) !== "") header.say(header.why(name));
		return true;
	}
	back() {
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
};

// src/notches.ts
function nearest2(steps, step) {
	if (steps.length === 0) return -1;
	let low = 0;
	let high = steps.length - 1;
	while (low < high) {
		const middle = low + high >> 1;
		if (steps[middle] < step) low = middle + 1;
		else high = middle;
	}
	return low > 0 && step - steps[low - 1] <= steps[low] - step ? low - 1 : low;
}
function moved(steps, step, by) {
	if (steps.length === 0) return null;
	if (step === null) return by >= 0 ? null : steps[Math.max(0, steps.length - 1 + by)];
	let from = nearest2(steps, step);
	if (by > 0 && steps[from] > step) from -= 1;
	if (by < 0 && steps[from] < step) from += 1;
	const to = from + by;
	return to >= steps.length ? null : steps[Math.max(0, to)];
}
function eventFrom(events, step, by) {
	const places = [...new Set(events.map((event) => event.step))].sort((a, b) => a - b);
	if (by > 0) return step === null ? null : places.find((place4) => place4 > step) ?? null;
	const before = places.filter((place4) => step === null || place4 < step);
	return before[before.length - 1] ?? places[0] ?? step;
}
var FAR3 = 8;
function endOf(last, total, running) {
	if (!running) return Math.max(1, last);
	if (total !== null && total >= last && FAR3 * last >= total) return Math.max(1, total);
	const power = 10 ** Math.floor(Math.log10(Math.max(1, last)));
	for (const factor of [1, 1.5, 2, 3, 4, 6, 8, 10]) if (last <= factor * power) return Math.max(4, factor * power);
	return last;
}
function roundSteps(end, most) {
	const power = 10 ** Math.floor(Math.log10(Math.max(1, end / most)));
	const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= 1 && Number.isInteger(size) && end / size <= most) ?? end;
	const found = [];
	for (let place4 = 0; place4 <= end; place4 += step) found.push(place4);
	if (found[found.length - 1] !== end) {
		if (found.length > 1 && end - found[found.length - 1] < 0.6 * step) found.pop();
		found.push(end);
	}
	return found;
}
function layWords(words2, taken, strokes, total, gap) {
	const full = taken.map(([from, to]) => [from, to]);
	const placed = [];
	words2.forEach(({ at: at2, size, after }, index) => {
		const sides = [at2 - gap - size, at2 + gap];
		for (const from of after === true ? sides.reverse() : sides) {
			const to = from + size;
			if (from < 0 || to > total || !full.every(([a, b]) => to + gap <= a || from - gap >= b)) continue;
			if (strokes.some((x) => x > from - 2 && x < to + 2)) continue;
			full.push([from, to]);
			placed.push({ index, from });
			return;
		}
	});
	return placed;
}

// src/notices.ts
var WORDS2 = { note: "Note", warning: "Warning", failure: "Failure" };
function line2(notice) {
	const since = notice.step === null ? ": " : ` since step ${count(notice.step)}: `;
	const nodes = [];
	if (notice.severity === "warning") nodes.push(triangle());
	if (notice.severity === "failure") nodes.push(cross());
	nodes.push(h("span", { class: "vg-severity" }, WORDS2[notice.severity]), document.createTextNode(since + notice.text));
	return nodes;
}
var NoticesView = class {
	node;
	first = h("p", {});
	rest = h("ul", { hidden: true });
	more = h("button", { type: "button", class: "vg-button", "aria-expanded": "false" });
	said = "";
	constructor() {
		const words2 = h("div", { class: "vg-notice-words", role: "status", "aria-live": "polite" }, this.first, this.rest);
		this.node = h("div", { class: "vg-notices", hidden: true }, words2, this.more);
		this.more.addEventListener("click", () => {
			this.rest.hidden = !this.rest.hidden;
			this.writeMore(this.rest.childElementCount);
		});
	}
	update(notices) {
		const said3 = JSON.stringify(notices);
		if (said3 === this.said) return;
		this.said = said3;
		const [worst, ...others] = notices;
		show(this.node, worst !== void 0);
		if (worst === void 0) {
			this.first.replaceChildren();
			return;
		}
		setAttribute(this.node, "data-severity", worst.severity);
		this.first.replaceChildren(...line2(worst));
		this.rest.replaceChildren(
			...others.map((notice) => h("li", { "data-severity": notice.severity }, ...line2(notice)))
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

// src/page.ts
var Page = class {
	constructor(root, events) {
		this.events = events;
		let width3 = -1;
		const sizes2 = new ResizeObserver(() => {
			if (root.clientWidth === width3) return;
			width3 = root.clientWidth;
			events.resized();
		});
		sizes2.observe(root);
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
			() => sizes2.disconnect(),
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

// src/painted.ts
var FRAMES = 3;
var FRAME_MS = 1e3 / 60;
var Painted = class {
	constructor(tell) {
		this.tell = tell;
	}
	/** The frame that asked to be confirmed; 0 when none does. */
	wanted = 0;
	seq = 0;
	ms = 0;
	waiting = false;
	/** Frame `seq` asks to be confirmed, or the one that is drawn in its place. */
	ask(seq) {
		this.wanted = seq;
	}
	/** Frame `seq` has been drawn, in `ms`. */
	drawn(seq, ms) {
		this.seq = seq;
		this.ms = ms;
		if (this.waiting || this.wanted === 0 || this.seq < this.wanted) return;
		this.wanted = 0;
		this.waiting = true;
		this.wait(seq, ms, performance.now() - ms, FRAMES);
	}
	/** `seq` and `ms` are those of the picture waited for: another may be drawn meanwhile. */
	wait(seq, ms, began, frames) {
		if (frames > 0) {
			requestAnimationFrame(() => this.wait(seq, ms, began, frames - 1));
			return;
		}
		this.waiting = false;
		const took = Math.max(ms, performance.now() - began - FRAMES * FRAME_MS);
		this.tell(seq, Math.round(took * 100) / 100);
		this.drawn(this.seq, this.ms);
	}
};

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
		case "uint16":
			return new Uint16Array(bytes);
		case "uint8":
			return new Uint8Array(bytes);
		default:
			throw new Error(`An array of kind "${dtype}" came from the kernel; this cockpit reads float32, float64, int32, uint16 and uint8.`);
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
		const shape2 = record["shape"];
		return Array.isArray(shape2) && shape2.length >= 2 ? { data, shape: shape2 } : data;
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
		if (next.findings === void 0 && last.findings !== void 0) this.frame.findings = last.findings;
		if (next.timeline !== void 0) this.frame.timeline = { ...last.timeline, ...next.timeline };
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

// src/track.ts
var INSET = 9;
var LINE4 = 21;
var HEIGHT2 = 44;
var GLYPH2 = 6.3;
var WORDS_AT = 11;
var MOST_MARKS2 = 120;
function width2(text) {
	return text.length * GLYPH2;
}
function drawTrack2(line3, where) {
	const { end, place: place4, live, total } = where;
	const x = (step) => INSET + Math.min(1, Math.max(0, step / end)) * (total - 2 * INSET);
	const stroke3 = (cls, x1, y1, x2, y2) => svg("line", { class: cls, x1, y1, x2, y2 });
	const root = svg("svg", { width: total, height: HEIGHT2, viewBox: `0 0 ${total} ${HEIGHT2}`, "aria-hidden": "true" });
	root.append(stroke3("vg-time-future", x(0), LINE4, x(end), LINE4), stroke3("vg-time-past", x(line3.first), LINE4, x(line3.last), LINE4));
	const steps = roundSteps(end, Math.max(2, Math.min(6, Math.floor(total / 110))));
	const words2 = steps.map((step, i) => i === 0 ? `step ${count(step)}` : i === steps.length - 1 ? `${count(step)} steps` : count(step));
	for (const spot of layTicks(steps.map(x), words2.map(width2), 0, total, 10)) {
		root.append(stroke3("vg-tick", spot.at, LINE4 + 5, spot.at, LINE4 + 8));
		root.append(svg("text", { x: spot.from, y: LINE4 + 20 }, words2[spot.index]));
	}
	const shown = place4 ?? line3.last;
	const now = count(shown);
	const left = Math.min(total - width2(now) - 2, Math.max(0, x(shown) - width2(now) / 2));
	for (const event of line3.events.filter((one) => one.kind === "finding")) {
		const open = event.until == null;
		const to = x(event.until ?? line3.last);
		const cls = event.severity === "note" ? "vg-time-noted" : open ? "vg-time-stretch vg-time-open" : "vg-time-stretch";
		root.append(stroke3(cls, x(event.step), LINE4, to, LINE4));
	}
	const paused = new Set(line3.events.filter((event) => event.label === "paused").map((event) => event.step));
	const marks = line3.events.filter((event) => event.label !== "live" || !paused.has(event.step)).slice(-MOST_MARKS2);
	for (const event of marks) root.append(mark(event, x(event.step)));
	const labelled = marks.filter((event) => event.kind !== "state").reverse();
	labelled.sort((a, b) => rank(a) - rank(b));
	const sized = labelled.map((event) => ({ at: x(event.step), size: width2(event.label), after: rank(event) === 0 }));
	const strokes = marks.filter((event) => event.kind !== "state").map((event) => x(event.step));
	for (const { index, from } of layWords(sized, [[left - 3, left + width2(now) + 3]], strokes, total, 5)) {
		root.append(svg("text", { x: from, y: WORDS_AT, class: rank(labelled[index]) === 0 ? "vg-time-bad" : "" }, labelled[index].label));
	}
	if (place4 !== null && live) root.append(svg("circle", { class: "vg-time-end", cx: x(line3.last), cy: LINE4, r: 4 }));
	root.append(svg("text", { class: "vg-time-now", x: left, y: WORDS_AT }, now));
	const dot = place4 !== null ? "vg-time-dot" : live ? "vg-time-dot vg-time-live" : "vg-time-dot vg-time-last";
	root.append(svg("circle", { class: dot, cx: x(shown), cy: LINE4, r: place4 === null ? 5 : 6 }));
	return root;
}
function rank(event) {
	return event.kind === "control" || event.kind === "state" || event.severity === "note" ? 1 : 0;
}
function mark(event, x) {
	const title = svg("title", {}, `step ${count(event.step)}: ${event.label}`);
	if (rank(event) === 0) return svg("path", { class: "vg-time-trouble", d: `M${x} ${LINE4 - 11}l5 8.5h-10z` }, title);
	if (event.kind === "state") return svg("path", { class: "vg-time-state", d: shape(event.label, x) }, title);
	return svg("line", { class: "vg-time-change", x1: x, y1: LINE4 - 8, x2: x, y2: LINE4 + 5 }, title);
}
function shape(state, x) {
	const y = LINE4 + 3;
	if (state === "live") return `M${x - 2.5} ${y}l5.5 3-5.5 3z`;
	if (state === "paused") return `M${x - 2.5} ${y}h1.8v6h-1.8zM${x + 0.7} ${y}h1.8v6h-1.8z`;
	return `M${x - 2.5} ${y}h5v5h-5z`;
}

// src/timeline.ts
var PLAY_MS = 100;
var MOST_PLAYED = 300;
var PATIENCE_MS2 = 700;
var AGAIN_MS = 3e3;
var TimelineView = class {
	/** `seek` asks for a step, or for the newest with null. */
	constructor(seek) {
		this.seek = seek;
		this.playButton.append(buttonIcon("run"), this.playWord);
		this.liveButton.append(stateIcon("live"), this.liveWord);
		const key = h("span", { class: "vg-ghost-key", "aria-hidden": "true" });
		this.ghost.append(key, this.ghostName, h("br", {}), "compared, same axes");
		const buttons = h("span", { class: "vg-buttons" }, this.playButton, this.liveButton);
		const words2 = h("span", { class: "vg-time-words" }, this.note, this.ghost);
		this.node = h("div", { class: "vg-timeline", role: "group", "aria-label": "Timeline", hidden: true }, buttons, this.slider, words2);
		this.playButton.addEventListener("click", () => this.player === null ? this.play() : this.hold());
		this.liveButton.addEventListener("click", () => this.go(null));
		this.slider.addEventListener("keydown", (event) => this.key(event));
		this.slider.addEventListener("pointerdown", (event) => this.grab(event));
		this.slider.addEventListener("pointermove", (event) => this.dragging ? this.follow(event) : void 0);
		for (const end of ["pointerup", "pointercancel"]) {
			this.slider.addEventListener(end, () => {
				this.dragging = false;
			});
		}
	}
	node;
	playWord = h("span", {}, "Play");
	playButton = h("button", { type: "button", class: "vg-button", "data-timeline": "play" });
	liveWord = h("span", {}, "Live");
	liveButton = h("button", { type: "button", class: "vg-button", "data-timeline": "live" });
	slider = h("div", { class: "vg-time", role: "slider", tabindex: 0, "aria-label": "Step that every panel shows" });
	note = h("span", { class: "vg-small vg-time-note" });
	ghost = h("span", { class: "vg-small vg-time-ghost", hidden: true });
	ghostName = h("span", {});
	line = null;
	header = null;
	/** What was asked for and is not shown yet; undefined when nothing is. */
	wish = void 0;
	sent = void 0;
	sentAt = 0;
	dragging = false;
	player = null;
	dispose() {
		this.hold();
	}
	/** The step every panel shows, as far as the kernel has said; null is the newest. */
	get at() {
		return this.line?.at ?? null;
	}
	/** Where the reader wants to be: there already, or on the way. */
	get place() {
		return this.wish === void 0 ? this.at : this.wish;
	}
	get playing() {
		return this.player !== null;
	}
	update(line3, header) {
		this.header = header;
		show(this.node, line3 !== void 0 && line3.last > 0);
		if (line3 === void 0) return;
		this.line = line3;
		if (this.sent !== void 0 && (this.sent === line3.at || this.sent === (line3.asked ?? null))) {
			if (this.wish === this.sent) this.wish = void 0;
			this.sent = void 0;
			this.ask();
		}
		this.draw();
	}
	/** Once a second: the words of a wait. */
	tick() {
		if (this.sent === void 0) return;
		if (performance.now() - this.sentAt > AGAIN_MS) {
			this.sent = void 0;
			this.ask();
		}
		this.draw();
	}
	resized() {
		this.draw();
	}
	/** Puts every panel at a step; null is the newest. */
	go(step, playing = false) {
		if (!playing) this.hold();
		if (this.line === null || this.place === step) return;
		this.wish = step;
		this.ask();
		this.draw();
	}
	toEvent(by) {
		if (this.line !== null) this.go(eventFrom(this.line.events, this.place, by));
	}
	ask() {
		if (this.sent !== void 0 || this.wish === void 0) return;
		this.sent = this.wish;
		this.sentAt = performance.now();
		this.seek(this.wish);
	}
	play() {
		const steps = this.line?.steps;
		if (steps === void 0 || steps.length === 0) return;
		const by = Math.max(1, Math.round(steps.length / MOST_PLAYED));
		const end = steps[steps.length - 1];
		if (this.place === null || this.place >= end) this.go(steps[0], true);
		this.player = setInterval(() => {
			if (this.sent !== void 0 || this.line === null) return;
			const next = moved(this.line.steps, this.place, by);
			if (next === null || next >= end) {
				this.go(next, true);
				this.hold();
			} else this.go(next, true);
		}, PLAY_MS);
		this.draw();
	}
	hold() {
		if (this.player === null) return;
		clearInterval(this.player);
		this.player = null;
		this.draw();
	}
	key(event) {
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
	grab(event) {
		if (event.button !== 0) return;
		this.dragging = true;
		this.slider.setPointerCapture(event.pointerId);
		this.follow(event);
	}
	follow(event) {
		const { line: line3 } = this;
		if (line3 === null) return;
		const box = this.slider.getBoundingClientRect();
		const share = (event.clientX - box.left - INSET) / Math.max(1, box.width - 2 * INSET);
		const index = nearest2(line3.steps, share * this.end);
		if (index < 0) return;
		this.go(index === line3.steps.length - 1 ? null : line3.steps[index]);
	}
	get running() {
		return this.header !== null && ["live", "paused", "idle"].includes(this.header.state);
	}
	get end() {
		return this.line === null ? 1 : endOf(this.line.last, this.line.total, this.running);
	}
	draw() {
		const { line: line3, header, place: place4 } = this;
		if (line3 === null || header === null || this.node.hidden) return;
		const live = place4 === null;
		setText(this.playWord, this.playing ? "Hold" : "Play");
		this.playButton.replaceChild(buttonIcon(this.playing ? "pause" : "run"), this.playButton.firstChild);
		setText(this.liveWord, this.running ? "Live" : "Newest");
		setAttribute(this.liveButton, "aria-pressed", String(live));
		this.liveButton.classList.toggle("vg-on", live && header.state === "live");
		const total = this.slider.clientWidth;
		if (total > 0) this.slider.replaceChildren(drawTrack2(line3, { end: this.end, place: place4, live: header.state === "live", total }));
		setAttribute(this.slider, "aria-valuemin", String(line3.first));
		setAttribute(this.slider, "aria-valuemax", String(line3.last));
		setAttribute(this.slider, "aria-valuenow", String(place4 ?? line3.last));
		const where = live ? `the newest step, ${count(line3.last)}` : `step ${count(place4)} of ${count(line3.last)}`;
		setAttribute(this.slider, "aria-valuetext", where);
		setAttribute(this.node, "data-at", line3.at === null ? "" : String(line3.at));
		this.writeNote(header, place4);
		show(this.ghost, line3.ghost !== "");
		setText(this.ghostName, ` ${line3.ghost}`);
	}
	writeNote(header, place4) {
		const late = this.sent !== void 0 && performance.now() - this.sentAt > PATIENCE_MS2;
		let words2 = "";
		if (late) words2 = header.controls_late ? `waits: ${header.controls_note}` : "waiting for the kernel";
		else if (place4 !== null) words2 = header.state === "live" ? "live goes on behind it" : "an earlier step";
		setText(this.note, words2);
		this.note.classList.toggle("vg-strong", late);
		show(this.note, words2 !== "");
		setAttribute(this.node, "data-waiting", String(late));
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
	/** `send` is null where there is no kernel: then there are no buttons and no controls. `seek` asks for a step. */
	constructor(el, send, seek = (step) => send?.({ type: "seek", step })) {
		this.send = send;
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
			}
		};
		this.board = new Board(
			this.view,
			this.crosshair,
			this.host,
			(shown) => this.send?.({ type: "layout", view: this.view, shown }),
			() => this.resized()
		);
		this.findings = new FindingsView({
			live: send !== null,
			control: (name, value) => this.controls.ask(name, value),
			refusal: (name) => this.host.refusal(name),
			told: (name) => this.controls.told(name),
			dismiss: ({ name, ident }) => this.send?.({ type: "dismiss", finding: name, ident }),
			mark: (noun) => this.board.mark(noun),
			go: (step) => this.timeline.go(step)
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
		this.root.addEventListener("keydown", (event) => handler.key(event));
		for (const type of ["keyup", "keypress"]) this.root.addEventListener(type, (event) => event.stopPropagation());
	}
	root;
	view = viewName();
	feed = new Feed();
	header;
	notices = new NoticesView();
	findings;
	controls;
	commands;
	help = new HelpView();
	board;
	timeline;
	waitingNote = h("p", { class: "vg-waiting" }, "Waiting for the first frame from the kernel.");
	saved = h("span", {});
	crosshair = new Crosshair();
	host;
	assets = new Assets(
		(name) => this.send?.({ type: "want_asset", name }),
		() => this.again()
	);
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
		this.timeline.dispose();
		this.board.dispose();
		this.root.remove();
	}
	probe() {
		const root = this.root;
		return {
			get seq() {
				return Number(root.dataset["seq"] ?? -1);
			},
			stats: this.stats,
			drawn: (noun) => this.board.panels.get(noun)?.drawn() ?? null
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
		else if (message.type === "asset") void this.assets.take(unpack(message, buffers));
		else if (message.type === "frozen") this.frozen(message.where);
		else if (message.type === "ack" && !this.commands.answer(message)) {
			this.controls.answer(message);
			this.findings.refresh();
		}
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
		if (frame.confirm) this.painted.ask(frame.seq);
		this.schedule();
	}
	/** For the still picture that will take this place. */
	look() {
		return { dark: this.tokens.dark, width: Math.round(this.root.clientWidth) };
	}
	painted = new Painted((seq, ms) => this.send?.({ type: "shown", view: this.view, seq, ms }));
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
			const place4 = where === "" ? "" : ` report.html in ${where} has it.`;
			const text = `The run has ended, but this page was loaded again while it trained, so its still picture cannot be put here.${place4}`;
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
	confirm(seq) {
		this.undrawn = 0;
		this.stats.drawnFrames += 1;
		setAttribute(this.root, "data-seq", String(seq));
		setAttribute(this.root, "data-ready", "true");
		this.painted.drawn(seq, this.stats.lastMs);
	}
	drawPanel(noun) {
		const panel = this.feed.frame?.panels[noun];
		if (panel !== void 0) this.board.panels.get(noun)?.update(panel, this.tokens);
	}
	writeSaved(frame) {
		const { saved, saved_note: trouble } = frame.header;
		setText(this.saved, trouble !== "" ? trouble : saved !== "" ? `saved in ${saved}` : "not saved: the record is in memory only");
		this.saved.classList.toggle("vg-strong", trouble !== "");
	}
	/* ---- what the page does ---- */
	resized() {
		this.tokens = readTokens(this.root);
		this.board.resized();
		this.controls.resized();
		this.timeline.resized();
		this.again();
	}
	themed() {
		this.tokens = readTokens(this.root);
		this.wantKey();
		this.again();
	}
	again() {
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
		this.timeline.tick();
		if (this.send === null) return;
		this.header.heard((performance.now() - this.lastHeard) / 1e3);
		this.controls.tick(performance.now() / 1e3, this.controlsNote);
		this.findings.refresh();
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
function mount(el, frame, held = {}) {
	const newest = unpack(frame, []);
	const { timeline } = newest;
	let seq = newest.seq;
	const seek = (step) => {
		if (timeline === void 0) return;
		const index = step === null ? -1 : nearest2(timeline.steps, step);
		const entry = held.past?.[index];
		const panels = entry === void 0 ? newest.panels : unpack(entry, []);
		const findings = entry === void 0 ? newest.findings : held.strips?.[index];
		const at2 = entry === void 0 ? null : timeline.steps[index];
		seq += 1;
		cockpit.frame({ ...newest, seq, panels, ...findings === void 0 ? {} : { findings }, timeline: { ...timeline, at: at2, asked: step } });
	};
	const cockpit = new Cockpit(el, null, seek);
	if (held.asset !== void 0) cockpit.receive(held.asset, []);
	cockpit.frame(newest);
	return () => cockpit.dispose();
}
var cockpit_default = { render };
export {
	Cockpit,
	cockpit_default as default,
	mount
};
