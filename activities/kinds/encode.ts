// The trainer's operation `encode`, as a part of a step that reads embeddings: texts by row in, raw vectors in a file out.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { joinRows, type RowFile } from '../../retrieval/write-index.js';
import type { EncodingContract } from '../../schemas/generated/model.js';
import type { LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import type { Parts } from './parts.js';

export interface EncodeCall {
  /** Names the part of the step that this is. */
  name: string;
  model: LocalArtifact;
  /** JSON Lines with _id and text. */
  texts: string;
  /** Line numbers from 0, ascending; null = all. */
  rows: ArrayLike<number> | null;
  /** How many vectors must come back. */
  count: number;
  role: 'document' | 'query';
  batch: number;
}

/**
 * Runs the operation as a part of the step, unless a checkpoint holds it; returns the file of vectors (raw little-endian
 * float32, row-major) and their dimension. Fails as the trainer does, or with trainer_crash when the file is not as told.
 */
export async function encode(parts: Parts, call: EncodeCall): Promise<{ file: string; dimension: number }> {
  const { name, model, texts, role, batch, count } = call;
  const identity = identityOf(call);
  const numbers = identity.rows;
  const { dimension } = await readEncodingContract(model);
  const dir = await parts.part(name, identity, async (part) => {
    const rows = numbers === null ? null : `${part.dir}.rows.json`;
    if (rows !== null) await writeFile(rows, JSON.stringify(numbers));
    const out = join(part.dir, vectorFile);
    const { metrics } = await part.engine({ op: 'encode', inputs: { model, texts, rows, role, batch, out } });
    await checkVectors(out, count, dimension);
    return metrics['passes'] ?? 1;
  });
  return { file: join(dir, vectorFile), dimension };
}

/** What decides the bytes of such a part, beside the inputs of the step. */
const identityOf = ({ rows, count }: Pick<EncodeCall, 'rows' | 'count'>): { rows: number[] | null; count: number } => ({
  rows: rows === null ? null : Array.from(rows),
  count,
});

/** The part of the step that `encode` would make, out of files of its vectors; returns the file. */
export async function joinVectors(
  parts: Parts,
  call: Pick<EncodeCall, 'name' | 'rows' | 'count'> & { files: readonly RowFile[]; dimension: number },
): Promise<string> {
  const { name, rows, count, files, dimension } = call;
  const dir = await parts.part(name, identityOf({ rows, count }), async (part) => {
    await joinRows(files, { from: 'float32', to: join(part.dir, vectorFile), type: 'float32', dimension });
    return 1;
  });
  return join(dir, vectorFile);
}

/** Under this name a part keeps its vectors. */
export const vectorFile = 'vectors.f32';

/** pawl.json of a model. Fails with class `data` when it is missing. */
export async function readEncodingContract(model: LocalArtifact): Promise<EncodingContract> {
  try {
    return JSON.parse(await readFile(join(model.path, 'pawl.json'), 'utf8')) as EncodingContract;
  } catch (error) {
    throw new StepFailure(
      'data',
      `The model has no readable pawl.json, which says how it embeds: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Fails with trainer_crash when a file does not hold so many vectors. */
export async function checkVectors(path: string, count: number, dimension: number): Promise<void> {
  const { size } = await stat(path);
  if (size === count * dimension * 4) return;
  throw new StepFailure(
    'trainer_crash',
    `The trainer wrote ${size} bytes of embeddings; ${count} of ${dimension} numbers are ${count * dimension * 4}.`,
  );
}

/** Raw float32 of a file as an array. */
export async function readVectors(path: string): Promise<Float32Array> {
  const bytes = Uint8Array.from(await readFile(path));
  return new Float32Array(bytes.buffer);
}
