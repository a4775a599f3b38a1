// Reads and writes safetensors: 8 bytes of length, a JSON header, then the tensors.
import { readFile, writeFile } from 'node:fs/promises';
import { isObject } from './jsonl.js';
import { dataError } from './retrieval-error.js';

const views = { F32: Float32Array, I32: Int32Array, U8: Uint8Array, I64: BigInt64Array } as const;

export type TensorType = keyof typeof views;
export type TensorData = Float32Array | Int32Array | Uint8Array | BigInt64Array;

export interface TensorValue {
  type: TensorType;
  shape: number[];
  data: TensorData;
}

/** Tensors of a file by name. Fails with class `data` when it is not a whole safetensors file or holds another element type. */
export async function readSafetensors(path: string, label: string): Promise<Map<string, TensorValue>> {
  const file = await readFile(path).catch((error: unknown) => {
    throw dataError(label, null, `cannot be read (${error instanceof Error ? error.message : String(error)})`);
  });
  const headerBytes = file.length < 8 ? NaN : Number(file.readBigUInt64LE(0));
  if (!(8 + headerBytes <= file.length))
    throw dataError(label, null, 'this is not a whole safetensors file: its header is cut off');
  const header = parseHeader(file.toString('utf8', 8, 8 + headerBytes), label);
  const body = file.subarray(8 + headerBytes);
  const tensors = new Map<string, TensorValue>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, tensorOf(name, entry, body, label));
  }
  return tensors;
}

/** The tensor of a name and type, as its typed array. Fails with class `data` when it is missing or of another type. Pure. */
export function tensor<T extends TensorType>(
  tensors: Map<string, TensorValue>,
  name: string,
  type: T,
  label: string,
): { shape: number[]; data: InstanceType<(typeof views)[T]> } {
  const found = tensors.get(name);
  if (found === undefined)
    throw dataError(label, null, `the tensor \`${name}\` is missing; there are ${[...tensors.keys()].join(', ')}`);
  if (found.type !== type)
    throw dataError(label, null, `the tensor \`${name}\` is of type ${found.type}; expected ${type}`);
  return { shape: found.shape, data: found.data as InstanceType<(typeof views)[T]> };
}

/** Writes tensors in order of their names, so that equal tensors give equal bytes. */
export async function writeSafetensors(path: string, tensors: Readonly<Record<string, TensorValue>>): Promise<void> {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { type, shape, data }] of Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1))) {
    header[name] = { dtype: type, shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8, ' '), 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  await writeFile(path, Buffer.concat([length, padded, ...parts]));
}

function parseHeader(text: string, label: string): Record<string, unknown> {
  try {
    const header = JSON.parse(text) as unknown;
    if (isObject(header)) return header;
  } catch {
    // Said below.
  }
  throw dataError(label, null, 'this is not a safetensors file: its header is not a JSON object');
}

function tensorOf(name: string, entry: unknown, body: Uint8Array, label: string): TensorValue {
  if (!isObject(entry) || !Array.isArray(entry['shape']) || !Array.isArray(entry['data_offsets'])) {
    throw dataError(label, null, `the header of the tensor \`${name}\` is malformed`);
  }
  const type = entry['dtype'];
  if (typeof type !== 'string' || !(type in views))
    throw dataError(
      label,
      null,
      `the tensor \`${name}\` is of type ${String(type)}; expected ${Object.keys(views).join(', ')}`,
    );
  const shape = entry['shape'].map(Number);
  const [start, end] = entry['data_offsets'].map(Number) as [number, number];
  const View = views[type as TensorType];
  const length = shape.reduce((product, size) => product * size, 1);
  if (!(start >= 0 && end <= body.length && end - start === length * View.BYTES_PER_ELEMENT)) {
    throw dataError(
      label,
      null,
      `the tensor \`${name}\` does not fit its place in the file; the file is cut off or damaged`,
    );
  }
  // A copy, because a view needs an aligned start.
  const bytes = Uint8Array.from(body.subarray(start, end));
  return { type: type as TensorType, shape, data: new View(bytes.buffer, 0, length) };
}
