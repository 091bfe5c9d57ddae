import assert from "node:assert/strict";
import { test } from "node:test";
import { Assets, stamp, type AssetMessage } from "../src/assets.ts";

const NAME = "reference/0011";
const sheet = { width: 64, height: 64 } as unknown as CanvasImageSource;
const message = (png: Uint8Array<ArrayBuffer> | null): AssetMessage => ({
  type: "asset", name: NAME, png, count: 5, columns: 2, width: 32, height: 16, names: ["a", "b", "c", "d", "e"],
});

function made(decode: () => Promise<CanvasImageSource> = async () => sheet) {
  const wanted: string[] = [];
  let arrived = 0;
  const assets = new Assets((name) => wanted.push(name), () => (arrived += 1), decode);
  return { assets, wanted, arrivals: () => arrived };
}

test("a sheet is asked for once, and panels are drawn again when it has come", async () => {
  const { assets, wanted, arrivals } = made();
  assert.equal(assets.get(NAME), null);
  assert.equal(assets.get(NAME), null);
  assert.deepEqual(wanted, [NAME]);
  await assets.take(message(new Uint8Array([1, 2])));
  assert.equal(arrivals(), 1);
  assert.equal(assets.get(NAME)?.sheet, sheet);
  assert.deepEqual(wanted, [NAME]);
});

test("no name asks for nothing", () => {
  const { assets, wanted } = made();
  assert.equal(assets.get(""), null);
  assert.deepEqual(wanted, []);
});

test("names come without pictures, and with pictures that cannot be read", async () => {
  for (const png of [null, new Uint8Array([0])]) {
    const { assets } = made(async () => Promise.reject(new Error("no picture")));
    await assets.take(message(png));
    assert.equal(assets.get(NAME)?.sheet, null);
    assert.equal(assets.get(NAME)?.names[4], "e");
  }
});

test("an item is cut from its own tile, and one that is not there is not drawn", async () => {
  const { assets } = made();
  await assets.take(message(new Uint8Array([1])));
  const asset = assets.get(NAME);
  const cuts: number[][] = [];
  const ctx = { drawImage: (_: unknown, ...box: number[]) => cuts.push(box) } as unknown as CanvasRenderingContext2D;
  assert.equal(stamp(ctx, asset, 3, 1, 2, 10, 10), true);
  assert.deepEqual(cuts, [[32, 16, 32, 16, 1, 2, 10, 10]]);
  assert.equal(stamp(ctx, asset, 5, 0, 0, 10, 10), false);
  assert.equal(stamp(ctx, asset, -1, 0, 0, 10, 10), false);
  assert.equal(stamp(ctx, null, 0, 0, 0, 10, 10), false);
});
