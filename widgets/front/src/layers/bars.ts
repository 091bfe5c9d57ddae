/** Accuracies of probes beside their base lines; null is not drawn. Its bare plot holds words, key, rows and axis. */
export interface BarsLayer {
  type: "bars";
  key: string;
  rows: string[];
  h: (number | null)[];
  z: (number | null)[];
  raw: (number | null)[];
  untrained: (number | null)[];
  chance: (number | null)[];
  /** h at its best so far, where it is shorter now. */
  best: (number | null)[];
  ghost: (number | null)[];
  said: [string, string][];
  /** So many rows, from the top, are those of the main factor. */
  main: number;
  /** Lines over all: what the numbers say. */
  words: string[];
  /** What the tick with the ring is called. */
  first: string;
  ghost_name: string;
}
