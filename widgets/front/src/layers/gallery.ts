import type { Block } from "../spec.ts";

/** One row of pairs of pictures with their similarity. Its bare plot holds title, pictures, stroke and numbers. */
export interface GalleryLayer {
  type: "gallery";
  key: string;
  title: string;
  kind: "positive" | "negative";
  first: Block;
  second: Block;
  /** What stands in the tile of what has no picture. */
  marks: [string, string][];
  words: [string, string][];
  now: number[];
  then: (number | null)[];
  said: [string, string][];
  /** Why there is no pair. */
  empty: string;
}
