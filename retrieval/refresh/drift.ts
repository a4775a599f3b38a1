// Re-encodes the rows that are predicted to have moved most. The probe is encoded first: what each of its rows has moved since it was
// encoded, 1 - cos(old, new), divided by its age in refreshes, is the speed of its surroundings. The prediction for a row is
//   its age x the mean speed of the nearest rows of the probe, near by what is stored.
// A row without a direction (zero, or not a number) comes first.
import { cosine, gatherRows, vectorOf } from '../vector-index.js';
import { ascending, drawProbe } from './in-order.js';
import type { RefreshInput, RefreshPolicy } from './policy.js';

/** Rows of the probe that speak for a row. */
const neighbours = 3;
/** Rows of the probe that are looked among, at most: it bounds the search in a large index. */
const mostCentres = 512;

export const drift: RefreshPolicy = async (input) => {
  const probe = drawProbe(input);
  const taken = new Set(probe);
  const rest = input.stale.filter((row) => !taken.has(row));
  const left = input.budget - probe.length;
  const predicted = left > 0 && rest.length > left ? await predict(input, probe, rest) : null;
  const places = [...rest.keys()];
  if (predicted !== null) places.sort((a, b) => (predicted[b] as number) - (predicted[a] as number) || a - b);
  const rows = ascending([...probe, ...places.slice(0, left).map((place) => rest[place] as number)]);
  return { rows, probe: ascending(probe) };
};

/** For each row, how far it has moved by now; Infinity for one without a direction, and its age when no row of the probe speaks. */
async function predict(input: RefreshInput, probe: readonly number[], rows: readonly number[]): Promise<Float64Array> {
  const { index, version, versionOf } = input;
  const { centres, speeds } = await speedsOf(input, probe);
  const k = Math.min(neighbours, centres.length);
  const near = await input.search.centres({ index, queries: gatherRows(index, centres), k });
  return Float64Array.from(rows, (row) => {
    if (!hasDirection(vectorOf(index, row))) return Infinity;
    let speed = k === 0 ? 1 : 0;
    for (let i = 0; i < k; i++) speed += (speeds[near[row * k + i] as number] as number) / k;
    return (version - versionOf(row)) * speed;
  });
}

/** Rows of the probe with a direction before and after, as many as may be centres, and their drift a refresh of age. */
async function speedsOf(
  { index, version, versionOf, encode }: RefreshInput,
  probe: readonly number[],
): Promise<{ centres: number[]; speeds: number[] }> {
  const vectors = probe.length === 0 ? new Float32Array(0) : await encode(probe);
  const centres: number[] = [];
  const speeds: number[] = [];
  probe.forEach((row, i) => {
    const moved = 1 - cosine(vectorOf(index, row), vectors.subarray(i * index.dimension, (i + 1) * index.dimension));
    if (!Number.isFinite(moved) || centres.length === mostCentres) return;
    centres.push(row);
    speeds.push(moved / Math.max(1, version - versionOf(row)));
  });
  return { centres, speeds };
}

function hasDirection(vector: Float32Array): boolean {
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += (vector[i] as number) ** 2;
  return Number.isFinite(square) && square > 0;
}
