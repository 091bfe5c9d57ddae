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
  ghost: (number | null)[];
  said: [string, string][];
  /** So many rows, from the top, are those of the main factor. */
  main: number;
  verdict: string;
  /** What the tick with the ring is called. */
  first: string;
  ghost_name: string;
}
