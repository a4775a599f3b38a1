// Rollouts without some of their groups: the same artifact, as if only the others had been sampled. Replayed pairs stay.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RolloutsManifest } from '../schemas/generated/rollouts.js';
import { dataError } from './retrieval-error.js';
import { readSafetensors, tensor, writeSafetensors, type TensorData, type TensorValue } from './safetensors.js';

const file = 'rollouts.safetensors';
const perToken = ['completion_ids', 'loss_mask', 'sampler_logprobs', 'old_logprobs'];

/** Writes queries.jsonl, samples.jsonl and the tensors of `from` into `to` with the groups `kept` alone; returns the manifest that fits. */
export async function keepGroups(
  from: string,
  to: string,
  manifest: RolloutsManifest,
  kept: readonly number[],
): Promise<RolloutsManifest> {
  const { group } = manifest;
  const samples = kept.flatMap((query) => Array.from({ length: group }, (_, i) => query * group + i));
  const lines = async (name: string): Promise<string[]> =>
    (await readFile(join(from, name), 'utf8')).split('\n').filter((line) => line !== '');
  const pick = (from: readonly string[], rows: readonly number[]): string =>
    rows.map((row) => `${from[row] ?? ''}\n`).join('');
  const queries = await lines('queries.jsonl');
  const replayed = [...queries.keys()].slice(manifest.queries);
  await writeFile(join(to, 'queries.jsonl'), pick(queries, [...kept, ...replayed]));
  await writeFile(join(to, 'samples.jsonl'), pick(await lines('samples.jsonl'), samples));
  const tensors = await readSafetensors(join(from, file), file);
  const total = tensor(tensors, 'valid', 'U8', file).data.length;
  const rows = [...samples, ...Array.from({ length: total - manifest.samples }, (_, i) => manifest.samples + i)];
  const written = [...tensors].map(([name, value]) => [name, selected(tensors, name, value, { rows, kept })] as const);
  await writeSafetensors(join(to, file), Object.fromEntries(written));
  return { ...manifest, queries: kept.length, samples: samples.length };
}

function selected(
  tensors: Map<string, TensorValue>,
  name: string,
  value: TensorValue,
  { rows, kept }: { rows: number[]; kept: readonly number[] },
): TensorValue {
  if (name === 'plain_embedding') return rowsOf(value, kept);
  const prefix = name.startsWith('prompt') ? 'prompt' : 'completion';
  const offsets = (): Int32Array => tensor(tensors, `${prefix}_offsets`, 'I32', file).data;
  if (name.endsWith('_offsets')) return newOffsets(offsets(), rows);
  if (name === 'prompt_ids' || perToken.includes(name)) return ragged(value, offsets(), rows);
  if (name === 'embedding' || name === 'valid') return rowsOf(value, rows);
  throw dataError(file, null, `the tensor \`${name}\` is not one of rollouts, so no groups can be taken out of it`);
}

function newOffsets(offsets: Int32Array, rows: readonly number[]): TensorValue {
  const data = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    data[i + 1] = (data[i] as number) + (offsets[row + 1] as number) - (offsets[row] as number);
  });
  return { type: 'I32', shape: [data.length], data };
}

function ragged({ type, data }: TensorValue, offsets: Int32Array, rows: readonly number[]): TensorValue {
  return joined(
    type,
    data,
    rows.map((row) => [offsets[row] as number, offsets[row + 1] as number]),
  );
}

function rowsOf({ type, shape, data }: TensorValue, rows: readonly number[]): TensorValue {
  const width = shape[1] ?? 1;
  const { data: picked } = joined(
    type,
    data,
    rows.map((row) => [row * width, (row + 1) * width]),
  );
  return { type, shape: [rows.length, ...shape.slice(1)], data: picked };
}

/** The given stretches after each other. */
function joined(type: TensorValue['type'], data: TensorData, stretches: [number, number][]): TensorValue {
  const bytes = data.BYTES_PER_ELEMENT;
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const parts = stretches.map(([start, end]) => source.subarray(start * bytes, end * bytes));
  const copy = Uint8Array.from(Buffer.concat(parts));
  const View = data.constructor as new (buffer: ArrayBuffer) => TensorData;
  return { type, shape: [copy.length / bytes], data: new View(copy.buffer) };
}
