// Lines across chunks, and the place of what is wrong.
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJsonl } from '../../retrieval/jsonl.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-jsonl-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function read(content: string | Uint8Array): Promise<{ value: unknown; line: number }[]> {
  const path = join(dir, 'x.jsonl');
  writeFileSync(path, content);
  return all(path, 'x.jsonl');
}

async function all(path: string, label: string): Promise<{ value: unknown; line: number }[]> {
  const values: { value: unknown; line: number }[] = [];
  for await (const { value, line } of readJsonl(path, label, 'an object')) values.push({ value, line });
  return values;
}

describe('readJsonl', () => {
  it('reads lines with either ending, a byte order mark, blank lines and no last newline', async () => {
    expect(await read('\uFEFF{"a":1}\r\n\n{"a":2}')).toEqual([
      { value: { a: 1 }, line: 1 },
      { value: { a: 2 }, line: 3 },
    ]);
  });

  it('reads letters of several bytes that lie across chunks', async () => {
    const lines = Array.from({ length: 4000 }, (_, i) => ({ text: 'é漢😀'.repeat(i % 40), i }));
    const found = await read(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(found.map(({ value }) => value)).toEqual(lines);
  });

  it('names file, line and what was expected', async () => {
    await expect(read('{"a":1}\nnot json\n')).rejects.toMatchObject({
      failureClass: 'data',
      message: expect.stringMatching(/^x\.jsonl:2: this is not JSON \(.*\); expected an object on one line$/) as string,
    });
  });

  it('refuses bytes that are not UTF-8, and a missing file', async () => {
    await expect(read(Uint8Array.of(0x7b, 0x7d, 0x0a, 0xff, 0xfe, 0x0a))).rejects.toThrow(
      'x.jsonl:2: there are bytes that are not UTF-8',
    );
    await expect(all(join(dir, 'none'), 'none.jsonl')).rejects.toThrow('none.jsonl: the file is missing');
  });
});
