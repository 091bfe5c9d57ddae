/* Made-up maps: eight classes that have parted, and the cases that are hard to draw. */

const NAMES = ["faces", "hearts", "plants", "fruit", "weather", "animals", "transport", "symbols"];
const MORE = ["sport", "music", "flags", "food"];
const HOSTILE = [
  '<img src=x onerror="window.hurt=1">',
  "<script>window.hurt=1</script>",
  "a name that is much too long for any map, and goes on & on",
];
const CENTRES = [
  [-0.95, 0.62],
  [-0.28, 0.95],
  [0.75, 0.8],
  [0.95, 0.02],
  [0.5, -0.72],
  [-0.45, -0.72],
  [-0.95, -0.18],
  [0.05, 0.08],
  [0.3, 0.5],
  [-0.5, 0.2],
  [0.5, 0.3],
  [0, -0.4],
];

function random(seed) {
  let s = seed | 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SIZES = { "map-many": 10000, "map-two": 2, "map-12": 720, "map-one": 200 };

export const items = (story) => SIZES[story] ?? 512;

function kindsOf(story) {
  if (story === "map-12") return [...NAMES, ...MORE];
  if (story === "map-one") return ["digits"];
  if (story === "map-plain") return [];
  if (story === "map-hostile") return [...HOSTILE, ...NAMES.slice(3)];
  return NAMES;
}

/** The projection panel of a story. `turn` moves the items a little, as another step would. */
export function map(story, turn = 0) {
  const n = items(story);
  const next = random(11);
  const kinds = kindsOf(story);
  const normal = () => Math.sqrt(-2 * Math.log(next() + 1e-9)) * Math.cos(2 * Math.PI * next());
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  const kind = Array.from({ length: n }, (_, i) => (kinds.length === 0 || i % 61 === 60 ? -1 : i % kinds.length));
  for (let i = 0; i < n; i++) {
    const [cx, cy] = CENTRES[Math.max(0, kind[i])] ?? [0, 0];
    const spread = story === "map-many" ? 0.24 : 0.15;
    x[i] = cx + spread * normal() + 0.12 * turn;
    y[i] = cy + spread * normal() - 0.08 * turn;
    if (i % 73 === 5) x[i] *= 2.2;
    if (story === "map-nan" || (story === "map" && i === 7)) x[i] = NaN;
  }
  // Three drawings of one thing stand in three rows that follow one another.
  const links = [];
  const each = story === "map-many" ? 3 : 64;
  for (let i = 0; i + 16 < n && links.length < (n > 5000 ? 6000 : 240); i += each) links.push(i, i + 8, i + 8, i + 16);
  const axis = { name: "", low: -1.5, high: 1.5, ticks: [-1, 0, 1], tick_labels: null, scale: "linear", quantity: "" };
  const layer = {
    type: "cloud",
    key: "items",
    x,
    y,
    kind,
    kinds,
    links: { data: Float32Array.from(links), shape: [links.length / 2, 2] },
    asset: story === "map-bare" || story === "map-plain" ? "" : `reference/${story}`,
    tried: kinds.length === 0 ? "" : "group",
    choices: kinds.length === 0 ? [] : ["group", "artist"],
    names: [],
  };
  return {
    noun: "projection",
    unit: "PCA, held still",
    state: "live",
    step: 1482,
    headline: { name: "trust", text: "0.97", reference: "at most 1", value: 0.97 },
    plots: [{ key: "map", x: axis, y: axis, layers: [layer], share: 1, show_x: false, bare: true }],
    foot_left: ["age 2.1 s", "median shift 0.03"],
    foot_right: [`${n} of 4,096 drawn`],
    ends: ["Near: alike to the encoder.", "Far: unlike. Size is kept, so a shrinking map is collapse."],
    message: "",
    after: "",
    progress: null,
    summary: `${n} items in ${kinds.length} classes.`,
    table: { columns: ["class", "items"], rows: kinds.map((name) => [name, String(Math.round(n / kinds.length))]) },
    late: "",
  };
}

/** The sheet that goes with a story: a drawing and a name for each item. */
export async function sheet(name) {
  const story = name.split("/")[1];
  const count = items(story);
  const columns = 32;
  const side = 32;
  const kinds = kindsOf(story);
  const canvas = document.createElement("canvas");
  canvas.width = columns * side;
  canvas.height = Math.ceil(count / columns) * side;
  const ctx = canvas.getContext("2d");
  ctx.font = "600 11px sans-serif";
  ctx.textAlign = "center";
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * side, Math.floor(i / columns) * side];
    ctx.fillStyle = "#fff";
    ctx.fillRect(left, top, side, side);
    ctx.fillStyle = `hsl(${(i % Math.max(1, kinds.length)) * 41 + (i % 5) * 5}, 70%, ${55 + (i % 3) * 10}%)`;
    ctx.beginPath();
    ctx.arc(left + 16, top + 16, 9 + (i % 6), 0, 7);
    ctx.fill();
    ctx.fillStyle = "#222";
    ctx.fillText(String(i), left + 16, top + 20);
  }
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const bytes = new DataView(await blob.arrayBuffer());
  const hostile = story === "map-hostile";
  const names = Array.from({ length: count }, (_, i) =>
    hostile && i % 3 === 0 ? `${HOSTILE[i % 2]} ${i}` : `${kinds[i % kinds.length] ?? "thing"} number ${i}`,
  );
  const png = story === "map-names" ? null : { $buffer: 0, dtype: "uint8", shape: [bytes.byteLength] };
  return [{ type: "asset", name, png, count, columns, width: side, height: side, names }, png === null ? [] : [bytes]];
}
