/* Thousands of marks at once, by WebGL. One context serves every map on the page and is given back when no map has
 * needed it for a while: a browser has few of them, and a notebook may hold many cockpits. Each cockpit may have
 * brought a copy of this file of its own, so the one painter hangs on the page itself. */

import { REACH, SHAPES, SIZE, type Mark } from "./cloud_shapes.ts";

/** From so many items on, copying stamps is slower than WebGL. */
export const GL_FROM = 2000;

export interface Marks {
  x: Float64Array;
  y: Float64Array;
  /** Which of `marks` each item has; −1: not drawn. */
  mark: Int16Array;
  marks: readonly Mark[];
  radius: number;
  opacity: number;
}

const MOST_MARKS = 16;
const IDLE_MS = 20_000;

const VERTEX = `#version 300 es
in vec2 place;
in float mark;
uniform vec2 extent;
uniform float size;
flat out int m;
void main() {
  gl_Position = vec4(place.x / extent.x * 2.0 - 1.0, 1.0 - place.y / extent.y * 2.0, 0.0, 1.0);
  gl_PointSize = size;
  m = int(mark);
}`;

const f = (value: number): string => value.toFixed(4);

/* Twice `distance` of cloud_shapes.ts: the numbers come from there. */
const FRAGMENT = `#version 300 es
precision highp float;
flat in int m;
uniform vec4 colors[${MOST_MARKS}];
uniform int shapes[${MOST_MARKS}];
uniform float reach;
uniform float pixel;
out vec4 color;
float box(vec2 p, float w, float h) { return max(abs(p.x) - w, abs(p.y) - h); }
float three(float x, float y) {
  return max(y - ${f(SIZE.triangle)}, 0.8660254 * abs(x) - 0.5 * y - ${f(SIZE.triangle)});
}
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * reach;
  int s = shapes[m];
  float d = length(p) - 1.0;
  if (s == 1) d = box(p, ${f(SIZE.square)}, ${f(SIZE.square)});
  else if (s == 2) d = three(p.x, p.y);
  else if (s == 3) d = (abs(p.x) + abs(p.y) - ${f(SIZE.diamond)}) * 0.70710678;
  else if (s == 4) d = three(p.x, -p.y);
  else if (s == 5) d = min(box(p, ${f(SIZE.arm)}, ${f(SIZE.thick)}), box(p, ${f(SIZE.thick)}, ${f(SIZE.arm)}));
  else if (s == 6) d = box(p, ${f(SIZE.long)}, ${f(SIZE.thin)});
  else if (s == 7) d = box(p, ${f(SIZE.thin)}, ${f(SIZE.long)});
  float a = clamp(0.5 - d / pixel, 0.0, 1.0) * colors[m].a;
  if (a <= 0.0) discard;
  color = vec4(colors[m].rgb * a, a);
}`;

function compiled(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) === true ? program : null;
}

/** Red, green, blue from 0 to 1 of any colour the style sheet may name. */
function rgb(color: string, probe: CanvasRenderingContext2D): [number, number, number] {
  probe.fillStyle = "#000";
  probe.fillStyle = color;
  const hex = String(probe.fillStyle);
  const part = (from: number): number => parseInt(hex.slice(from, from + 2), 16) / 255 || 0;
  return [part(1), part(3), part(5)];
}

class Painter {
  private canvas: HTMLCanvasElement | null = null;
  private gl: WebGL2RenderingContext | null = null;
  private program: WebGLProgram | null = null;
  private places: WebGLBuffer | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** How often a context was made, and how often it was lost without having been given back. */
  made = 0;
  lost = 0;

  private open(): boolean {
    if (this.gl !== null && !this.gl.isContextLost()) return true;
    if (this.gl !== null) this.release(false);
    // A browser that takes the context away twice has better use for it.
    if (this.lost > 2) return false;
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false, premultipliedAlpha: true });
    const program = gl === null ? null : compiled(gl);
    if (gl === null || program === null) {
      this.lost = Infinity;
      return false;
    }
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      if (this.gl === gl) this.lost += 1;
    });
    this.made += 1;
    this.canvas = canvas;
    this.gl = gl;
    this.program = program;
    this.places = gl.createBuffer();
    return true;
  }

  /** Gives the context back to the browser. */
  release(counted = true): void {
    clearTimeout(this.timer);
    const gl = this.gl;
    this.gl = null;
    this.canvas = null;
    if (counted && gl !== null) gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** The context in use, for a test that takes it away. */
  get context(): WebGL2RenderingContext | null {
    return this.gl;
  }

  /** Draws marks over what is there; false when this browser cannot, and then nothing was drawn. */
  draw(ctx: CanvasRenderingContext2D, width: number, height: number, ratio: number, what: Marks): boolean {
    if (what.marks.length > MOST_MARKS || !this.open()) return false;
    const gl = this.gl!;
    const canvas = this.canvas!;
    const columns = Math.round(width * ratio);
    const rows = Math.round(height * ratio);
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    gl.viewport(0, 0, columns, rows);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const program = this.program!;
    gl.useProgram(program);
    const rowsOf3 = new Float32Array(3 * what.x.length);
    let count = 0;
    for (let i = 0; i < what.x.length; i++) {
      if (what.mark[i]! < 0) continue;
      rowsOf3[3 * count] = what.x[i]!;
      rowsOf3[3 * count + 1] = what.y[i]!;
      rowsOf3[3 * count + 2] = what.mark[i]!;
      count += 1;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferData(gl.ARRAY_BUFFER, rowsOf3.subarray(0, 3 * count), gl.STREAM_DRAW);
    const place = gl.getAttribLocation(program, "place");
    const mark = gl.getAttribLocation(program, "mark");
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 12, 0);
    gl.enableVertexAttribArray(mark);
    gl.vertexAttribPointer(mark, 1, gl.FLOAT, false, 12, 8);
    const uniform = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(program, name);
    const side = 2 * (what.radius * REACH * ratio + 1);
    gl.uniform2f(uniform("extent"), width, height);
    gl.uniform1f(uniform("size"), side);
    gl.uniform1f(uniform("reach"), side / 2 / (what.radius * ratio));
    gl.uniform1f(uniform("pixel"), 1 / (what.radius * ratio));
    const colors = new Float32Array(4 * MOST_MARKS);
    const shapes = new Int32Array(MOST_MARKS);
    what.marks.forEach((one, k) => {
      colors.set([...rgb(one.color, ctx), what.opacity], 4 * k);
      shapes[k] = SHAPES.indexOf(one.shape);
    });
    gl.uniform4fv(uniform("colors"), colors);
    gl.uniform1iv(uniform("shapes"), shapes);
    gl.drawArrays(gl.POINTS, 0, count);
    // Asking for errors would wait until everything is drawn, which takes longer than all the rest.
    const sound = !gl.isContextLost();
    if (sound) ctx.drawImage(canvas, 0, 0, columns, rows, 0, 0, width, height);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.release(), IDLE_MS);
    return sound;
  }
}

/* Another release of this file may draw otherwise; it takes another name. */
const SHARED = Symbol.for("vergence.map.painter.1");

/** The one painter of this page. */
export function painter(): Painter {
  const page = globalThis as unknown as Record<symbol, Painter | undefined>;
  return (page[SHARED] ??= new Painter());
}
