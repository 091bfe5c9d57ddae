/* From a value to a place and back: axes, sliders and the numbers read back from a drawing. */

export interface Scale {
  readonly low: number;
  readonly high: number;
  /** Where `low` and `high` lie, in CSS pixels. */
  readonly start: number;
  readonly end: number;
  to(value: number): number;
  from(place: number): number;
}

export function scale(low: number, high: number, start: number, end: number, log: boolean): Scale {
  // An axis without extent would divide by zero; it is opened by one unit so that its data stay visible.
  const top = high === low ? low + 1 : high;
  if (log && low > 0 && top > 0) {
    const a = Math.log10(low);
    const span = Math.log10(top) - a;
    return {
      low,
      high: top,
      start,
      end,
      to: (value) => (value > 0 ? start + ((Math.log10(value) - a) / span) * (end - start) : NaN),
      from: (place) => 10 ** (a + ((place - start) / (end - start)) * span),
    };
  }
  return {
    low,
    high: top,
    start,
    end,
    to: (value) => start + ((value - low) / (top - low)) * (end - start),
    from: (place) => low + ((place - start) / (end - start)) * (top - low),
  };
}

interface Range {
  low: number;
  high: number;
  scale: "log" | "linear";
  may_be_zero?: boolean;
  whole?: boolean;
}

/** The part of a logarithmic slider that leads to 0, which the scale itself never reaches. */
export const TO_ZERO = 0.09;

/** 0 has a place of its own, left of the lowest value. */
export function hasZero(range: Range): boolean {
  return range.scale === "log" && range.may_be_zero === true;
}

/** The lowest value that a slider can be moved to. */
export function lowest(range: Range): number {
  return hasZero(range) ? 0 : range.low;
}

function clamp(value: number, range: Range): number {
  return Math.min(range.high, Math.max(range.low, value));
}

/** Where on a slider a value lies, from 0 to 1. */
export function fraction(value: number, range: Range): number {
  const start = hasZero(range) ? TO_ZERO : 0;
  if (start > 0 && value <= 0) return 0;
  const place = scale(range.low, range.high, start, 1, range.scale === "log").to(value);
  // A value that a logarithm does not know stands at the left end.
  return Number.isFinite(place) ? Math.min(1, Math.max(start, place)) : start;
}

/* Twenty notches a decade, a hundred on a linear slider. */
const NOTCHES_A_DECADE = 20;
const NOTCHES = 100;

function rounded(value: number, range: Range): number {
  if (range.scale === "log") return Number(value.toPrecision(2));
  if (range.whole === true) return Math.round(value);
  const unit = (range.high - range.low) / NOTCHES;
  return Number((range.low + Math.round((value - range.low) / unit) * unit).toPrecision(6));
}

/** The value under a place on a slider, rounded to what a person would choose. */
export function valueAt(part: number, range: Range): number {
  const start = hasZero(range) ? TO_ZERO : 0;
  if (start > 0 && part < start / 2) return 0;
  const place = Math.min(1, Math.max(start, part));
  return clamp(rounded(scale(range.low, range.high, start, 1, range.scale === "log").from(place), range), range);
}

/** The value some notches on. It always moves, also where rounding would leave it in place. */
export function notch(value: number, by: number, range: Range): number {
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
  return clamp(rounded(value + (by * (range.high - range.low)) / NOTCHES, range), range);
}
