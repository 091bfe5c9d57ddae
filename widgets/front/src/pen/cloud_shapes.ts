/* Eight shapes that stay apart at six pixels, in the order of `SHAPES` in theme.py, and their stamps.
 *
 * A shape is drawn by its outline (canvas) or by its distance (WebGL): one list of numbers makes both, so that a
 * map looks the same either way. Units: the radius of the circle; y points down, as on a canvas. */

export const SHAPES = [
  "circle",
  "square",
  "triangle",
  "diamond",
  "inverted triangle",
  "cross",
  "bar",
  "pillar",
] as const;
export type Shape = (typeof SHAPES)[number];

/** Half a side, or how far the tips reach: chosen so that all eight cover about as much as the circle. */
export const SIZE = {
  square: 0.89,
  triangle: 0.76,
  diamond: 1.26,
  arm: 1.25,
  thick: 0.4,
  long: 1.4,
  thin: 0.52,
} as const;
/** The farthest any shape reaches from its middle. */
export const REACH = 1.6;

const rectangle = (w: number, h: number): [number, number][] => [
  [-w, -h],
  [w, -h],
  [w, h],
  [-w, h],
];

/** Corners of a shape in order; null for the circle, which has none. */
export function corners(shape: Shape): [number, number][] | null {
  const { square, triangle, diamond, arm, thick, long, thin } = SIZE;
  const wide = triangle * Math.sqrt(3);
  switch (shape) {
    case "circle":
      return null;
    case "square":
      return rectangle(square, square);
    case "triangle":
      return [
        [0, -2 * triangle],
        [wide, triangle],
        [-wide, triangle],
      ];
    case "inverted triangle":
      return [
        [0, 2 * triangle],
        [-wide, -triangle],
        [wide, -triangle],
      ];
    case "diamond":
      return [
        [0, -diamond],
        [diamond, 0],
        [0, diamond],
        [-diamond, 0],
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
        [-thick, -thick],
      ];
    case "bar":
      return rectangle(long, thin);
    case "pillar":
      return rectangle(thin, long);
  }
}

/** How far a place lies outside a shape; negative within. The shader in cloud_gl.ts says the same. */
export function distance(shape: Shape, x: number, y: number): number {
  const { square, triangle, diamond, arm, thick, long, thin } = SIZE;
  const box = (w: number, h: number): number => Math.max(Math.abs(x) - w, Math.abs(y) - h);
  const three = (down: number): number => Math.max(down - triangle, 0.8660254 * Math.abs(x) - 0.5 * down - triangle);
  switch (shape) {
    case "circle":
      return Math.hypot(x, y) - 1;
    case "square":
      return box(square, square);
    case "triangle":
      return three(y);
    case "inverted triangle":
      return three(-y);
    case "diamond":
      return (Math.abs(x) + Math.abs(y) - diamond) * Math.SQRT1_2;
    case "cross":
      return Math.min(box(arm, thick), box(thick, arm));
    case "bar":
      return box(long, thin);
    case "pillar":
      return box(thin, long);
  }
}

/** Lays the outline of a shape down as the context's path. */
export function outline(ctx: CanvasRenderingContext2D, shape: Shape, x: number, y: number, radius: number): void {
  ctx.beginPath();
  const points = corners(shape);
  if (points === null) {
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  points.forEach(([dx, dy], i) =>
    i === 0 ? ctx.moveTo(x + dx * radius, y + dy * radius) : ctx.lineTo(x + dx * radius, y + dy * radius),
  );
  ctx.closePath();
}

/** A mark of one kind. */
export interface Mark {
  shape: Shape;
  color: string;
}

/** One picture of each mark, drawn once and then copied: thousands of paths a frame would be too slow. */
export class Stamps {
  private readonly sheet: HTMLCanvasElement;
  readonly side: number;

  constructor(
    marks: readonly Mark[],
    readonly radius: number,
    readonly ratio: number,
    opacity: number,
  ) {
    this.side = 2 * Math.ceil(radius * REACH * ratio + 1);
    this.sheet = document.createElement("canvas");
    this.sheet.width = this.side * Math.max(1, marks.length);
    this.sheet.height = this.side;
    const ctx = this.sheet.getContext("2d");
    if (ctx === null) throw new Error("this browser gives no canvas to draw on");
    ctx.globalAlpha = opacity;
    marks.forEach((mark, i) => {
      outline(ctx, mark.shape, (i + 0.5) * this.side, this.side / 2, radius * ratio);
      ctx.fillStyle = mark.color;
      ctx.fill();
    });
  }

  /** Puts the stamp of mark `i` at a place in CSS pixels, on whole pixels of the screen: that keeps the edges sharp. */
  put(ctx: CanvasRenderingContext2D, i: number, x: number, y: number): void {
    const { side, ratio } = this;
    const left = Math.round(x * ratio - side / 2) / ratio;
    const top = Math.round(y * ratio - side / 2) / ratio;
    ctx.drawImage(this.sheet, i * side, 0, side, side, left, top, side / ratio, side / ratio);
  }
}
