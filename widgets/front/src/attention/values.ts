/* The numbers behind the maps: bytes and their largest value, turned back into shares of attention. */

import type { MapsLayer } from "../layers/maps.ts";
import { at } from "../spec.ts";

export const hasFull = (layer: MapsLayer): boolean => layer.full.shape[0] > 0;

/** How many tokens the maps look at. */
export const keysOf = (layer: MapsLayer): number => layer.levels.shape[1];

/** The row of one map, one number a token; null where there is no such head. `index` -1: the rollout. */
export function rowOf(layer: MapsLayer, index: number, query: number | null): Float64Array | null {
  const keys = keysOf(layer);
  if (index < 0) return decode(layer.rollout, 0, keys, layer.rollout_scale ?? NaN, false);
  if (query !== null && hasFull(layer)) {
    const queries = layer.full_scale.shape[1];
    const row = index * queries + query;
    return decode(layer.full.data, row * keys, keys, at(layer.full_scale.data, row), layer.signed);
  }
  return decode(layer.levels.data, index * keys, keys, at(layer.scale, index), layer.signed);
}

function decode(bytes: ArrayLike<number | null>, from: number, count: number, scale: number, signed: boolean): Float64Array | null {
  if (!Number.isFinite(scale)) return null;
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const byte = Number(bytes[from + i]);
    values[i] = signed ? ((byte - 128) / 127) * scale : (byte / 255) * scale;
  }
  return values;
}

/** The largest size of what is drawn: the tokens before the patches have no place in a map. */
export function largest(values: Float64Array, prefix: number): number {
  let most = 0;
  for (let i = prefix; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}
