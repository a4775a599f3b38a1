// The trainer's operation `encode`, as the kinds of the index use it: texts by row in, raw vectors in a file out.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncodingContract } from '../../schemas/generated/model.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';

export interface EncodeCall {
  model: LocalArtifact;
  /** JSON Lines with _id and text. */
  texts: string;
  /** Line numbers from 0, ascending; null = all. */
  rows: ArrayLike<number> | null;
  /** How many vectors must come back. */
  count: number;
  role: 'document' | 'query';
  batch: number;
  /** Where the vectors go: raw little-endian float32, row-major. */
  out: string;
}

/** Runs the operation without checkpoints of its own; returns the dimension. Fails as the trainer does, or with trainer_crash when the file is not as told. */
export async function encode(context: KindContext, call: EncodeCall): Promise<number> {
  const { model, texts, role, batch, out } = call;
  const rows = call.rows === null ? null : join(context.workDir, 'encode-rows.json');
  if (rows !== null) await writeFile(rows, JSON.stringify(Array.from(call.rows ?? [])));
  await context.engine({
    op: 'encode',
    inputs: { model, texts, rows, role, batch, out },
    seed: context.seed,
    checkpoints: false,
  });
  const { dimension } = await readEncodingContract(model);
  await checkVectors(out, call.count, dimension);
  return dimension;
}

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
