// What an index artifact serves beside its rows: a correction of stale ones, and estimated ranks of one iteration.
import { join } from 'node:path';
import { bytesOf, readArray } from './raw-array.js';
import type { LoadedIndex } from './read-index.js';
import { RetrievalError } from './retrieval-error.js';
import type { RowCorrection } from './row-correction.js';
import type { VectorIndex } from './vector-index.js';

/** The index as it is to be searched for rewards. Fails with class `artifact_damaged`. */
export async function servedIndex(dir: string, { index, manifest }: LoadedIndex): Promise<VectorIndex> {
  if (manifest.correction === undefined) return index;
  const { map, strengths } = manifest.correction;
  const correction: RowCorrection = {
    map: await readNumbers(dir, map, (manifest.dimension + 1) * manifest.dimension),
    strengths: new Float32Array(Math.max(-1, ...strengths.map(({ encoder }) => encoder)) + 1),
  };
  for (const { encoder, strength } of strengths) correction.strengths[encoder] = strength;
  return { ...index, correction };
}

/** Estimated ranks of so many samples, out of their file. Fails with class `artifact_damaged`. */
export const estimatedRanks = (dir: string, file: string, samples: number): Promise<Float32Array> =>
  readNumbers(dir, file, samples);

async function readNumbers(dir: string, name: string, count: number): Promise<Float32Array> {
  const numbers = new Float32Array(count);
  await readArray(join(dir, name), bytesOf(numbers), (bytes) => {
    const message = `the index is damaged: ${name} has ${bytes} bytes, and ${count * 4} are expected`;
    return new RetrievalError('artifact_damaged', message);
  });
  return numbers;
}
