// What the samples of an iteration are compared with: the golds as the current encoder has them, and what never counts against them.
import { goldScores, tieMargin } from '../ranks.js';
import { dot, gatherRows, indexFromVectors, maxShardBytes, vectorOf, type VectorIndex } from '../vector-index.js';
import type { RefreshInput } from './policy.js';
import type { Flips, ProximityInput } from './proximity.js';

export interface Scene extends ProximityInput {
  /** Per sample, rows that never count: its positives and what has their text. */
  excluded: Int32Array[];
}

/** Rows looked at for the scale, at most. */
const mostLookedAt = 256;

/** The scene, from rows of which the current encoder's vectors are known: the stale golds must be among them, others help the scale. Pure. */
export function sceneOf(input: RefreshInput, rows: readonly number[], vectors: Float32Array): Scene {
  const { index, samples, duplicatesOf } = input;
  const { dimension } = index;
  const places = new Map(rows.map((row, i) => [row, i]));
  const golds = [...new Set(samples.positives.flat())];
  const goldPlaces = new Map(golds.map((row, i) => [row, i]));
  const goldVectors = gatherRows(index, golds);
  golds.forEach((row, i) => {
    const at = places.get(row);
    if (at !== undefined) goldVectors.set(vectors.subarray(at * dimension, (at + 1) * dimension), i * dimension);
  });
  const scores = goldScores(
    sameType(index, goldVectors),
    samples.embeddings,
    samples.positives.map((own) => own.map((row) => goldPlaces.get(row) as number)),
  );
  return {
    index,
    queries: samples.embeddings,
    thresholds: scores.map((score) => Math.fround(score - tieMargin)),
    scale: scaleOf(index, samples.embeddings, rows.slice(0, mostLookedAt), vectors),
    excluded: samples.positives.map((own) =>
      Int32Array.from(new Set(own.flatMap((row) => [row, ...duplicatesOf(row)]))),
    ),
  };
}

/** Rows as the index keeps them, which may be rounded. */
const sameType = ({ dimension, type }: VectorIndex, vectors: Float32Array): VectorIndex =>
  indexFromVectors(vectors, dimension, maxShardBytes, type);

/** Root mean square of what the scores of some rows moved by. */
function scaleOf(index: VectorIndex, queries: Float32Array, rows: readonly number[], vectors: Float32Array): number {
  const { dimension } = index;
  let [sum, count] = [0, 0];
  rows.forEach((row, i) => {
    const old = vectorOf(index, row);
    const moved = vectors.subarray(i * dimension, (i + 1) * dimension).map((x, j) => x - (old[j] as number));
    for (let at = 0; at < queries.length; at += dimension) {
      const square = dot(queries.subarray(at, at + dimension), moved) ** 2;
      if (!Number.isFinite(square)) continue;
      sum += square;
      count++;
    }
  });
  return count === 0 ? 1 : Math.max(1e-6, Math.sqrt(sum / count));
}

/** Changes of sides of some rows from what the scene's index serves to `vectors`, without those that never count; `rows` numbers them by place. */
export async function flipsOf(
  input: RefreshInput,
  scene: Scene,
  rows: readonly number[],
  vectors: Float32Array,
): Promise<Flips> {
  const before = sameType(scene.index, gatherRows(scene.index, rows));
  const { excluded, ...rest } = scene;
  const found = await input.search.flips({ ...rest, index: before, fresh: sameType(scene.index, vectors) });
  const never = excluded.map((own) => new Set(own));
  const counts = [...found.rows.keys()].filter(
    (i) => never[found.queries[i] as number]?.has(rows[found.rows[i] as number] as number) !== true,
  );
  return {
    rows: Int32Array.from(counts, (i) => found.rows[i] as number),
    queries: Int32Array.from(counts, (i) => found.queries[i] as number),
    signs: Int8Array.from(counts, (i) => found.signs[i] as number),
    classes: Uint8Array.from(counts, (i) => found.classes[i] as number),
  };
}
