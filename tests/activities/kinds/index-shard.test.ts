// index.build as one and from shards of index.shard: the same files, whatever the number of shards.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blockRows, stretchesOf } from '../../../activities/kinds/corpus-layout.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as encodeShard } from '../../../activities/kinds/index-shard.js';
import type { EngineRun, KindInput } from '../../../activities/kind.js';
import { planShards } from '../../../retrieval/vector-index.js';
import { smallDataset, smallModel } from './small-dataset.js';
import { fakeContext, wordEngine } from './word-model.js';

/** The stand-in encoder, whose vectors also depend, a little, on what is encoded with them: as those of a real one do. */
function companionEngine(run: EngineRun): void {
  const { inputs } = run;
  const rows = inputs['rows'] === null ? 'all' : readFileSync(inputs['rows'] as string, 'utf8');
  const model = inputs['model'] as { identity: string };
  const together = rows === 'all' ? JSON.stringify(Array.from({ length: 60 }, (_, i) => i)) : rows;
  const identity = `${model.identity} beside ${createHash('sha256').update(together).digest('hex')}`;
  wordEngine({ ...run, inputs: { ...inputs, model: { ...model, identity } } });
}

interface Built {
  files: Record<string, string>;
  /** Documents that each shard encoded. */
  shares: (number | null | undefined)[];
  encodings: number;
}

/** Name -> digest of the files of the index that `shards` shards make; 1 = as one. */
async function built(given: Record<string, KindInput>, shards: number): Promise<Built> {
  const context = await fakeContext({}, { engine: companionEngine });
  onTestFinished(context.remove);
  const data = smallDataset(context.root);
  const base = { data: data.artifact, model: smallModel(context.root, 'm/model'), batch: 8, dtype: 'float32' };
  const inputs = { ...base, shard_rows: 0, ...given };
  const made: Record<string, KindInput>[] = [];
  const shares: Built['shares'] = [];
  for (let shard = 1; shard <= shards && shards > 1; shard++) {
    const one = await fakeContext({ ...inputs, shard, shards }, { engine: companionEngine });
    onTestFinished(one.remove);
    shares.push((await encodeShard(one))['rows']);
    made.push({ vectors: { path: one.outputs['vectors'] ?? '', identity: `s${shard}/vectors`, type: 'folder' } });
  }
  const metrics = await build({ ...context, inputs, shards: shards > 1 ? made : null });
  expect(metrics['rows']).toBe(60);
  const dir = context.outputs['index'] ?? '';
  const files = readdirSync(dir).map((name): [string, string] => [
    name,
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex'),
  ]);
  return { files: Object.fromEntries(files.sort()), shares, encodings: context.calls.length };
}

describe('an index of shards that ran side by side', () => {
  it.each(['float32', 'float16'])('has the bytes of one that ran as one, in %s', async (dtype) => {
    const given = { shard_rows: 8, dtype };
    const one = await built(given, 1);
    const [three, four] = [await built(given, 3), await built(given, 4)];
    expect([three.files, four.files]).toEqual([one.files, one.files]);
    expect([three.shares, four.shares]).toEqual([
      [16, 24, 20],
      [16, 16, 16, 12],
    ]);
    expect([one.encodings, three.encodings]).toEqual([8, 0]);
  });

  it('leaves shards without work where there are fewer blocks than shards', async () => {
    const one = await built({}, 1);
    const three = await built({}, 3);
    expect([three.files, three.shares]).toEqual([one.files, [0, 0, 60]]);
  });

  it('is not made where a shard is missing', async () => {
    const context = await fakeContext({}, { engine: companionEngine });
    onTestFinished(context.remove);
    const data = smallDataset(context.root).artifact;
    const model = smallModel(context.root, 'm/model');
    const inputs = { data, model, batch: 8, dtype: 'float32', shard_rows: 8, shard: 2, shards: 2 };
    const second = await fakeContext(inputs, { engine: companionEngine });
    onTestFinished(second.remove);
    await encodeShard(second);
    const vectors: KindInput = { path: second.outputs['vectors'] ?? '', identity: 's2/vectors', type: 'folder' };
    await expect(build({ ...context, inputs, shards: [{ vectors }] })).rejects.toMatchObject({
      failureClass: 'internal',
      message: expect.stringContaining('0 rows in a row from row 0') as string,
    });
  });

  it('says which shards there are when another is asked for', async () => {
    const context = await fakeContext({ shard: 4, shards: 3 });
    onTestFinished(context.remove);
    await expect(encodeShard(context)).rejects.toThrow('`shard` is 4 of 3; the first is 1 and the last 3.');
  });
});

describe('what a shard encodes', () => {
  const bases = planShards(400_000, 174_762);

  it.each([1, 2, 3, 7, 14, 64])('is whole blocks, and together each row once: %i shards', (shards) => {
    const all = Array.from({ length: shards }, (_, i) => stretchesOf(bases, { shard: i + 1, shards })).flat();
    let next = 0;
    for (const { first, rows } of all) {
      expect(first).toBe(next);
      next += rows;
      const base = bases.find((one) => first >= one.first && first < one.first + one.rows);
      expect((first - (base?.first ?? 0)) % blockRows).toBe(0);
      expect(next).toBeLessThanOrEqual((base?.first ?? 0) + (base?.rows ?? 0));
    }
    expect(next).toBe(400_000);
  });

  it('has the blocks of the trainer', () => {
    const source = readFileSync(join(import.meta.dirname, '../../../trainer/pawl_trainer/encode.py'), 'utf8');
    const [, block = ''] = /^BLOCK = ([0-9_]+)/m.exec(source) ?? [];
    expect(Number(block.replaceAll('_', ''))).toBe(blockRows);
  });
});
