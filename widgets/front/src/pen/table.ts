/* The numbers of a panel as rows. */

import { h } from "../dom.ts";
import type { Panel } from "../spec.ts";

const NUMERIC = /^[−+-]?[\d.,]+( ?[%µm]?s?)?$/;

export function drawTable(panel: Panel): HTMLElement {
  const { columns, rows } = panel.table;
  if (columns.length === 0) return h("p", { class: "vg-note-text" }, "There are no numbers to list yet.");
  const head = h("tr", {});
  columns.forEach((column, i) => {
    const numeric = i > 0 && rows.length > 0 && rows.every((row) => NUMERIC.test((row[i] ?? "").trim()));
    head.append(h("th", { scope: "col", class: numeric ? "vg-number" : null }, column));
  });
  const body = h("tbody", {});
  for (const row of rows) {
    const line = h("tr", {});
    row.forEach((cell, i) => {
      const numeric = NUMERIC.test(cell.trim());
      line.append(i === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: numeric ? "vg-number" : null }, cell));
    });
    body.append(line);
  }
  const caption = h("caption", {}, panel.summary || `${panel.noun}, ${panel.unit}`);
  return h("table", { class: "vg-table" }, caption, h("thead", {}, head), body);
}
