/* Numbers for people: the minus sign, thousands, and no more digits than mean something. */

const MINUS = "\u2212";

/* toLocaleString does the same and takes ten times as long; this runs for every tick of every frame. */
function thousands(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number with thousands: 1,482. */
export function count(value: number): string {
  return thousands(Math.round(value)).replace("-", MINUS);
}

/** The same rule as `number` in spec.py, so that readouts and headlines agree. */
export function number(value: number | null, digits = 2): string {
  if (value === null) return "unknown";
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return value.toFixed(digits);
  const size = Math.abs(value);
  let text: string;
  if (size >= 1000) text = thousands(Math.round(value));
  else if (size < 10 ** -digits) text = String(Number(value.toPrecision(2)));
  else text = value.toFixed(digits);
  return text.replace("-", MINUS);
}

/** The value of a control: at least `digits` decimals, more where fewer would misstate it. */
export function setting(value: number, digits: number): string {
  for (let d = digits; d < 12; d++) {
    const text = value.toFixed(d);
    if (Math.abs(Number(text) - value) <= 0.005 * Math.abs(value)) return text.replace("-", MINUS);
  }
  return String(value).replace("-", MINUS);
}

/** A tick of a control as short as it can be said: 0.001, 0.5, 1. */
export function tick(value: number): string {
  return String(Number(value.toPrecision(4))).replace("-", MINUS);
}

/** A share as per cent, with one decimal below ten: 1.8 %. */
export function percent(share: number): string {
  const value = share * 100;
  const text = value >= 9.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
  return `${text} %`;
}

/** A number as a person types it: a minus sign, a decimal comma and spaces are understood. */
export function parse(text: string): number | null {
  const plain = text.trim().replace(MINUS, "-").replace(/\s/g, "").replace(/^(-?\d+),(\d+)$/, "$1.$2");
  if (plain === "") return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}
