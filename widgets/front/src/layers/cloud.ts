import type { Numbers, Rows } from "../spec.ts";

/** One mark per item, coloured and shaped by what it is. */
export interface CloudLayer {
  type: "cloud";
  key: string;
  x: Numbers;
  y: Numbers;
  kind: Numbers;
  kinds: string[];
  links: Rows;
  asset: string;
  tried: string;
  choices: string[];
  names: string[];
}
