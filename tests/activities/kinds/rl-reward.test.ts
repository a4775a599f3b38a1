// rl.reward: ranks and rewards a sample, beside the files it was given.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as reward } from '../../../activities/kinds/rl-reward.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { dot } from '../../../retrieval/vector-index.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, readLines, type FakeContext } from './word-model.js';

let root: string;
let data: SmallDataset;
let index: LocalArtifact;
let rollouts: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

async function scored(inputs: Record<string, KindInput> = {}): Promise<{
  metrics: Record<string, number | null>;
  context: FakeContext;
  lines: { rank: number | null; reward: number }[];
}> {
  const context = await fakeContext({ rollouts, index, reward: 'dcg', k: 10, malformed: 0, ...inputs });
  cleanUp.push(() => context.remove());
  const metrics = await reward(context);
  return {
    metrics,
    context,
    lines: readLines(join(context.outputs['rollouts'] ?? '', 'rewards.jsonl')) as {
      rank: number | null;
      reward: number;
    }[],
  };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-reward-'));
  data = smallDataset(root);
  const context = await fakeContext({ model: smallModel(root, 'sft/model'), data: data.artifact, ...buildDefaults });
  cleanUp.push(() => context.remove());
  await build(context);
  index = { path: context.outputs['index'] ?? '', identity: 'built/index', type: 'index' };
  rollouts = await smallRollouts(root, data, 'sft/model');
});
beforeEach(() => {
  indexCache().clear();
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('rl.reward', () => {
  it('gives each sample its rank by counting and 1/log2(1+rank), in order, replayed pairs left out', async () => {
    const { lines, metrics } = await scored();
    const documents = data.documents.map(({ text }) => embed(text, 'sft/model'));
    const expected = data.queries.slice(10).flatMap((query, q) =>
      ['red', 'green', 'blue'].map((word) => {
        const vector = embed(`${query.text} ${word}`, 'sft/model');
        const gold = dot(vector, documents[10 + q] as Float32Array);
        return 1 + documents.filter((document, row) => row !== 10 + q && !(dot(vector, document) < gold - 1e-6)).length;
      }),
    );
    expect(lines.map(({ rank }) => rank)).toEqual([null, ...expected.slice(1)]);
    expect(lines.map(({ reward: value }) => value)).toEqual([
      0,
      ...expected.slice(1).map((rank) => 1 / Math.log2(1 + rank)),
    ]);
    expect(metrics['reward_mean']).toBeCloseTo(lines.reduce((sum, line) => sum + line.reward, 0) / 30);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });

  it('gives a malformed sample the minimum that is asked for', async () => {
    const { lines } = await scored({ malformed: -1 });
    expect(lines[0]).toEqual({ rank: null, reward: -1 });
  });

  it('shares the files of the rollouts and notes the index version', async () => {
    const { context } = await scored();
    const out = context.outputs['rollouts'] ?? '';
    for (const name of ['rollouts.safetensors', 'queries.jsonl', 'samples.jsonl']) {
      expect(statSync(join(out, name)).ino).toBe(statSync(join(rollouts.path, name)).ino);
    }
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))).toMatchObject({
      indexVersion: 0,
      queries: 10,
      group: 3,
    });
    expect(context.calls).toEqual([]);
  });

  it('gives the same bytes from a warm index as from a cold one', async () => {
    const cold = (await scored()).lines;
    expect(indexCache().identities()).toEqual(['built/index']);
    expect((await scored()).lines).toEqual(cold);
  });

  it('refuses rollouts of another dataset, with the place', async () => {
    const other = await smallRollouts(join(root, 'other'), data, 'sft/model');
    const path = join(other.path, 'queries.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"d12"', '"elsewhere"'));
    await expect(scored({ rollouts: { ...other, identity: 'other/rollouts' } })).rejects.toMatchObject({
      failureClass: 'data',
      message: expect.stringMatching(
        /^queries\.jsonl:3: the positive "elsewhere" of query "q12" is not in the index/,
      ) as string,
    });
  });

  it('says that a damaged index is damaged', async () => {
    const dir = join(root, 'cut');
    const { cpSync, readdirSync, truncateSync } = await import('node:fs');
    cpSync(index.path, dir, { recursive: true });
    truncateSync(join(dir, readdirSync(dir).find((name) => name.startsWith('base-')) ?? ''), 100);
    await expect(scored({ index: { path: dir, identity: 'cut/index', type: 'index' } })).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
  });
});
