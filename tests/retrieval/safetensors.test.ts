// Safetensors: the documented bytes, and damaged files.
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, tensor, writeSafetensors } from '../../retrieval/safetensors.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-safetensors-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('safetensors', () => {
  it('reads back what it wrote, of each type', async () => {
    const path = join(dir, 'a.safetensors');
    const tensors = {
      odd: { type: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) },
      floats: { type: 'F32', shape: [2, 2], data: Float32Array.of(1.5, -2, NaN, 1e-30) },
      ints: { type: 'I32', shape: [2], data: Int32Array.of(-1, 7) },
    } as const;
    await writeSafetensors(path, {
      ...tensors,
      odd: { ...tensors.odd, shape: [3] },
      floats: { ...tensors.floats, shape: [2, 2] },
      ints: { ...tensors.ints, shape: [2] },
    });
    const read = await readSafetensors(path, 'a');
    expect(Object.fromEntries(read)).toEqual(tensors);
    expect(() => tensor(read, 'ints', 'F32', 'a')).toThrow('a: the tensor `ints` is of type I32; expected F32');
    expect(() => tensor(read, 'gone', 'F32', 'a')).toThrow(/the tensor `gone` is missing; there are floats, ints, odd/);
  });

  it('writes the format: length, header, data', async () => {
    const path = join(dir, 'b.safetensors');
    await writeSafetensors(path, { x: { type: 'F32', shape: [1], data: Float32Array.of(1) } });
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    expect(bytes.readFloatLE(8 + length)).toBe(1);
  });

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 2), /does not fit its place/],
    ['without a header', (bytes: Buffer) => bytes.subarray(0, 5), /its header is cut off/],
    ['of another format', () => Buffer.from('\x08\0\0\0\0\0\0\0not json'), /its header is not a JSON object/],
  ])('refuses a file %s', async (_name, damage, message) => {
    const path = join(dir, 'c.safetensors');
    await writeSafetensors(path, { x: { type: 'F32', shape: [2], data: Float32Array.of(1, 2) } });
    writeFileSync(path, damage(readFileSync(path)));
    await expect(readSafetensors(path, 'c')).rejects.toThrow(message);
  });
});
