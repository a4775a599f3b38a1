// How old the rows of an index are, and how far their encoder has moved since.
import type { IndexManifest } from '../schemas/generated/index.js';
import { cosine, encoderOf, vectorOf, type VectorIndex } from './vector-index.js';

/** For every row, the refresh that made it, and whether the given encoder did. */
export interface Freshness {
  versionOf: (row: number) => number;
  isFresh: (row: number) => boolean;
}

/** Freshness of rows for the encoder `model` (its identity). A row that it made itself is fresh, whenever that was. Pure. */
export function freshnessOf(index: VectorIndex, manifest: Pick<IndexManifest, 'encoders'>, model: string): Freshness {
  const byId = new Map(manifest.encoders.map((encoder) => [encoder.id, encoder]));
  const encoder = (row: number): IndexManifest['encoders'][number] => {
    const found = byId.get(encoderOf(index, row));
    if (found === undefined) throw new Error(`Internal error: row ${row} has an encoder that the index does not list`);
    return found;
  };
  return { versionOf: (row) => encoder(row).version, isFresh: (row) => encoder(row).model === model };
}

/** Rows not made by the encoder, ascending. Pure. */
export const staleRows = (index: VectorIndex, freshness: Freshness): number[] =>
  Array.from({ length: index.rows }, (_, row) => row).filter((row) => !freshness.isFresh(row));

/**
 * After a refresh: mean age of a row in refreshes (fresh and refreshed rows have 0) and the share of rows that the first encoder made
 * and that are not fresh. Pure.
 */
export function lagOf(input: {
  index: VectorIndex;
  freshness: Freshness;
  version: number;
  refreshed: ReadonlySet<number>;
}): { mean: number; neverRefreshed: number } {
  let sum = 0;
  let never = 0;
  for (let row = 0; row < input.index.rows; row++) {
    if (input.refreshed.has(row) || input.freshness.isFresh(row)) continue;
    const made = input.freshness.versionOf(row);
    sum += input.version - made;
    if (made === 0) never++;
  }
  return { mean: sum / input.index.rows, neverRefreshed: never / input.index.rows };
}

/**
 * Mean 1 - cos(old, new) over the probe rows; null for no probe, or when a vector has no direction. `vectors` are the new ones, in the order of `rows`; the index still
 * holds the old ones. Pure.
 */
export function driftOf(
  index: VectorIndex,
  rows: readonly number[],
  vectors: Float32Array,
  probe: readonly number[],
): number | null {
  if (probe.length === 0) return null;
  const place = new Map(rows.map((row, i) => [row, i]));
  let sum = 0;
  for (const row of probe) {
    const at = (place.get(row) as number) * index.dimension;
    sum += 1 - cosine(vectorOf(index, row), vectors.subarray(at, at + index.dimension));
  }
  const mean = sum / probe.length;
  return Number.isFinite(mean) ? mean : null;
}
