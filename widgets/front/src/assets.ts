/* Sheets: the small pictures and names of the reference set. They are sent once, on request, and kept by name. */

export interface Asset {
  name: string;
  /** Pictures, `count` tiles of `width` x `height` px, `columns` to a row; null for items that have none. */
  sheet: CanvasImageSource | null;
  count: number;
  columns: number;
  width: number;
  height: number;
  /** What each item is called; "" where it has no name. */
  names: string[];
}

/** A sheet as it comes from the kernel; `png` holds the bytes of the file. */
export interface AssetMessage extends Omit<Asset, "sheet"> {
  type: "asset";
  png: Uint8Array<ArrayBuffer> | null;
}

type Decode = (png: Uint8Array<ArrayBuffer>) => Promise<CanvasImageSource>;

const decodePng: Decode = (png) => createImageBitmap(new Blob([png], { type: "image/png" }));

/** The sheets of one cockpit. Each is asked for once; `arrived` is called when one can be drawn. */
export class Assets {
  private readonly known = new Map<string, Asset>();
  private readonly asked = new Set<string>();

  constructor(
    private readonly want: (name: string) => void,
    private readonly arrived: () => void,
    private readonly decode: Decode = decodePng,
  ) {}

  get(name: string): Asset | null {
    const found = this.known.get(name);
    if (found !== undefined) return found;
    if (name !== "" && !this.asked.has(name)) {
      this.asked.add(name);
      this.want(name);
    }
    return null;
  }

  async take(message: AssetMessage): Promise<void> {
    const { name, png, count, columns, width, height, names } = message;
    this.asked.add(name);
    let sheet: CanvasImageSource | null = null;
    // A picture that cannot be read leaves the names, which are worth having.
    if (png !== null) sheet = await this.decode(png).catch(() => null);
    this.known.set(name, { name, sheet, count, columns, width, height, names });
    this.arrived();
  }
}

/** Draws one item of a sheet; false when there is no picture of it. */
export function stamp(
  ctx: CanvasRenderingContext2D,
  asset: Asset | null,
  item: number,
  left: number,
  top: number,
  width: number,
  height: number,
): boolean {
  if (asset === null || asset.sheet === null || item < 0 || item >= asset.count) return false;
  const x = (item % asset.columns) * asset.width;
  const y = Math.floor(item / asset.columns) * asset.height;
  ctx.drawImage(asset.sheet, x, y, asset.width, asset.height, left, top, width, height);
  return true;
}
