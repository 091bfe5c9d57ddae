/* What the kernel can be asked to draw in this panel. */

import type { CloudLayer } from "../layers/cloud.ts";
import type { Panel } from "../spec.ts";
import type { Choice } from "./bar.ts";

const METHODS = [
  ["pca", "PCA"],
  ["umap", "UMAP"],
] as const;

export function choicesOf(layer: CloudLayer, panel: Panel): Choice[] {
  const found: Choice[] = [];
  const others = layer.choices.filter((name) => name !== layer.tried);
  if (others.length > 0) {
    const names =
      layer.tried === ""
        ? layer.choices
        : layer.choices.includes(layer.tried)
          ? layer.choices
          : [layer.tried, ...layer.choices];
    found.push({
      name: "colour",
      label: "What colours and shapes stand for",
      value: layer.tried,
      values: names.map((name) => [name, `by ${name}`]),
    });
  }
  found.push({
    name: "method",
    label: "How the map is made",
    value: /umap/i.test(panel.unit) ? "umap" : "pca",
    values: METHODS,
  });
  return found;
}
