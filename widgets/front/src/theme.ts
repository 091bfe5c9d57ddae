/* Colours and type, read from the page.
 *
 * The stylesheet holds the tokens (light and dark); a canvas cannot use CSS variables, so they are read
 * from the root once per theme and handed to the pens. */

import type { Color, Dash } from "./spec.ts";

export interface Tokens {
  dark: boolean;
  font: string;
  ground: string;
  ink: string;
  second: string;
  third: string;
  hairline: string;
  rule: string;
  action: string;
  positive: string;
  positiveText: string;
  negative: string;
  negativeText: string;
  warning: string;
  reference: string;
  ghost: string;
  /** Classes on a map, in the order of CLASSES in theme.py; each has a shape as well. */
  classes: string[];
}

const NAMES: Record<Exclude<keyof Tokens, "dark" | "font" | "classes">, string> = {
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
  ghost: "--vg-ghost",
};
const CLASSES = 8;

/** Whether the page is dark: JupyterLab says so on its body, a report on its root, otherwise the system does. */
export function pageIsDark(): boolean {
  const jupyter = document.body.dataset["jpThemeLight"];
  if (jupyter !== undefined) return jupyter === "false";
  const chosen = document.documentElement.dataset["theme"] ?? document.body.dataset["theme"];
  if (chosen !== undefined) return chosen === "dark";
  if (document.body.classList.contains("vscode-dark")) return true;
  if (document.body.classList.contains("vscode-light")) return false;
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

export function readTokens(root: HTMLElement): Tokens {
  const dark = pageIsDark();
  root.dataset["scheme"] = dark ? "dark" : "light";
  const style = getComputedStyle(root);
  const tokens = { dark, font: style.fontFamily } as Tokens;
  for (const [name, variable] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) {
    tokens[name] = style.getPropertyValue(variable).trim() || (dark ? "#e8eaec" : "#15181b");
  }
  tokens.classes = Array.from({ length: CLASSES }, (_, i) => style.getPropertyValue(`--vg-class-${i}`).trim() || tokens.ink);
  return tokens;
}

/** Calls back when the page changes between light and dark. */
export function watchTheme(changed: () => void): () => void {
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

export const DASHES: Record<Dash, readonly number[]> = {
  solid: [],
  chance: [6, 4],
  floor: [1, 3],
  negative: [5, 3],
};

export function stroke(color: Color, tokens: Tokens): string {
  return tokens[color];
}

/** The colour of words about a thing drawn in `color`: data colours have a darker (lighter) twin for text. */
export function wordColor(color: Color, tokens: Tokens): string {
  if (color === "positive") return tokens.positiveText;
  if (color === "negative") return tokens.negativeText;
  return color === "ink" ? tokens.ink : tokens.second;
}

/* The ten stops of theme.py. */
const VIRIDIS: readonly (readonly [number, number, number])[] = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
];
/* Its dark end does not show on dark ground. */
const DARK_START = 0.15;

/** A colour of the sequence at `part` from 0 to 1. */
export function viridis(part: number, dark: boolean): string {
  const inside = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
  const place = (dark ? DARK_START + (1 - DARK_START) * inside : inside) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(place));
  const a = VIRIDIS[i]!;
  const b = VIRIDIS[i + 1]!;
  const mix = (k: 0 | 1 | 2): number => Math.round(a[k] + (b[k] - a[k]) * (place - i));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}

/* The stops of DIVERGING in theme.py: less, nothing, more. Purple and green, since blue and orange mean pairs. */
type Stop = readonly [number, number, number];
const DIVERGING: Record<"light" | "dark", readonly [Stop, Stop, Stop]> = {
  light: [[110, 44, 140], [243, 243, 243], [20, 112, 58]],
  dark: [[206, 140, 228], [44, 48, 51], [98, 198, 128]],
};

/** The colour at `part` from -1 (less) by 0 (nothing) to 1 (more). */
export function diverging(part: number, dark: boolean): string {
  const [low, middle, high] = DIVERGING[dark ? "dark" : "light"];
  const inside = Math.min(1, Math.max(-1, Number.isFinite(part) ? part : 0));
  const end = inside > 0 ? high : low;
  const mix = (k: 0 | 1 | 2): number => Math.round(middle[k] + (end[k] - middle[k]) * Math.abs(inside));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}
