// rl.reward: ranks and rewards a sample, beside the files it was given.
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as reward } from '../../../activities/kinds/rl-reward.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { readSafetensors, tensor, writeSafetensors } from '../../../retrieval/safetensors.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { dot } from '../../../retrieval/vector-index.js';
import { stepKinds } from '../../../schemas/generated/kinds.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, readLines, type FakeContext } from './word-model.js';

/** What the declaration gives where a pipeline says nothing. */
const defaults = Object.fromEntries(
  Object.entries(stepKinds['rl.reward']?.inputs ?? {}).flatMap(([name, input]) =>
    'default' in input ? [[name, input.default as KindInput]] : [],
  ),
);

interface Line {
  rank: number | null;
  reward: number;
  score: number | null;
  length: number | null;
}

let root: string;
let data: SmallDataset;
let index: LocalArtifact;
let rollouts: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

async function scored(inputs: Record<string, KindInput> = {}): Promise<{
  metrics: Record<string, number | null>;
  context: FakeContext;
  lines: Line[];
}> {
  const context = await fakeContext({ rollouts, index, ...defaults, ...inputs });
  cleanUp.push(() => context.remove());
  const metrics = await reward(context);
  return {
    metrics,
    context,
    lines: readLines(join(context.outputs['rollouts'] ?? '', 'rewards.jsonl')) as Line[],
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
    expect(lines[0]).toMatchObject({ rank: null, reward: -1, score: null });
    expect((await scored({ scale: 'relative' })).lines[0]).toMatchObject({ rank: null, reward: -1 });
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

  it('compares a sample with its query without reasoning', async () => {
    const { lines, metrics } = await scored({ scale: 'relative' });
    const { lines: unit } = await scored();
    const documents = data.documents.map(({ text }) => embed(text, 'sft/model'));
    data.queries.slice(10).forEach(({ text }, q) => {
      const vector = embed(text, 'sft/model');
      const gold = dot(vector, documents[10 + q] as Float32Array);
      const rank = 1 + documents.filter((one, row) => row !== 10 + q && !(dot(vector, one) < gold - 1e-6)).length;
      for (let i = Math.max(1, 3 * q); i < 3 * q + 3; i++) {
        expect(lines[i]?.score).toBeCloseTo((unit[i]?.score ?? NaN) - 1 / Math.log2(1 + rank), 12);
      }
    });
    expect(metrics['better_fraction']).toBe(lines.filter(({ score }) => (score ?? 0) > 0).length / 29);
    expect(metrics['worse_fraction']).toBe(lines.filter(({ score }) => (score ?? 0) < 0).length / 29);
  });

  it('scores ndcg over all positives of a query', async () => {
    const other = await smallRollouts(join(root, 'several'), data, 'sft/model');
    const path = join(other.path, 'queries.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('["d12"]', '["d12","d13"]'));
    const several = { rollouts: { ...other, identity: 'several/rollouts' }, reward: 'ndcg', k: 60 };
    const one = (await scored({ reward: 'ndcg', k: 60 })).lines;
    const two = (await scored(several)).lines;
    expect(two.filter((line, i) => line.score !== one[i]?.score).length).toBe(3);
    const best = two[6]?.rank ?? NaN;
    const least = 1 / Math.log2(1 + best) / (1 + 1 / Math.log2(3));
    expect(two[6]?.score).toBeGreaterThan(least);
    expect(two[6]?.score).toBeLessThanOrEqual(1);
  });

  it('weighs positives by the grades of the dataset, each by its own rank', async () => {
    const other = await smallRollouts(join(root, 'graded'), data, 'sft/model');
    const path = join(other.path, 'queries.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('["d12"]', '["d12","d13"]'));
    const judged = smallDataset(join(root, 'judged')).artifact;
    const extra = { query: 'q12', document: 'd13', grade: 3 };
    appendFileSync(join(judged.path, 'qrels.jsonl'), `${JSON.stringify(extra)}\n`);
    const inputs = { rollouts: { ...other, identity: 'graded/rollouts' }, reward: 'dcg' };
    const binary = (await scored(inputs)).lines;
    const graded = (await scored({ ...inputs, gain: 'exponential', data: judged })).lines;
    const documents = data.documents.map(({ text }) => embed(text, 'sft/model'));
    const rankOf = (row: number, vector: Float32Array): number => {
      const gold = dot(vector, documents[row] as Float32Array);
      const others = documents.filter((_, at) => at !== 12 && at !== 13);
      const isBehind = dot(vector, documents[25 - row] as Float32Array) > gold;
      return 1 + Number(isBehind) + others.filter((one) => !(dot(vector, one) < gold - 1e-6)).length;
    };
    ['red', 'green', 'blue'].forEach((word, i) => {
      const vector = embed(`${data.queries[12]?.text ?? ''} ${word}`, 'sft/model');
      const [one, three] = [rankOf(12, vector), rankOf(13, vector)];
      const best = Math.max(1 / Math.log2(1 + one), 7 / Math.log2(1 + three)) / 7;
      expect(graded[6 + i]).toMatchObject({ rank: Math.min(one, three), score: expect.closeTo(best, 12) as number });
      expect(best).not.toBe(binary[6 + i]?.score);
    });
    expect(graded.toSpliced(6, 3)).toEqual(binary.toSpliced(6, 3));
  });

  it('refuses grades that the dataset does not have, or that are no exponents', async () => {
    const other = smallDataset(join(root, 'unjudged')).artifact;
    const qrels = join(other.path, 'qrels.jsonl');
    writeFileSync(qrels, readFileSync(qrels, 'utf8').replace('"d12","grade":1', '"d12","grade":400'));
    await expect(scored({ gain: 'exponential', data: other })).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringContaining('has the grade 400') as string,
    });
    expect((await scored({ gain: 'linear', data: other })).lines).toEqual((await scored()).lines);
    writeFileSync(qrels, readFileSync(qrels, 'utf8').replace('"d12","grade":400', '"d12","grade":0'));
    await expect(scored({ gain: 'linear', data: other })).rejects.toMatchObject({
      failureClass: 'data',
      message: expect.stringMatching(
        /^qrels\.jsonl: no grade above 0 of the document "d12" for the query "q12"/,
      ) as string,
    });
  });

  it('takes the tokens of a sample for the terms of length', async () => {
    const { lines, metrics } = await scored({ length_weight: 0.5, length_low: 3, overlong_tokens: 5 });
    const { lines: plain } = await scored();
    lines.slice(1).forEach(({ reward: found }, i) => {
      const tokens = ((i + 1) % 4) + 1;
      const length = tokens < 3 ? (tokens - 3) / 3 : 0;
      expect(found).toBeCloseTo((plain[i + 1]?.reward ?? NaN) + 0.5 * length - (tokens > 3 ? 0.2 : 0), 12);
    });
    expect(lines[0]?.reward).toBe(-1.5);
    expect(metrics['length_mean']).toBeLessThan(0);
  });

  it('keeps of oversampled rollouts the first groups that differ, as if the others had not been sampled', async () => {
    const { lines } = await scored({ rollouts: await oversampledOf('whole', null, [1, 3]) });
    const kept = [0, 2, 4, 5];
    const oversampled = await oversampledOf('oversampled', 4, [1, 3]);
    const { context, metrics, lines: rewards } = await scored({ rollouts: oversampled });
    expect(rewards).toEqual(kept.flatMap((q) => lines.slice(3 * q, 3 * q + 3)));
    expect(metrics).toMatchObject({ groups: 10, groups_kept: 4, groups_equal: 2, groups_surplus: 4 });
    const out = context.outputs['rollouts'] ?? '';
    const made = { path: out, identity: 'kept/rollouts', type: 'rollouts' } as const;
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))).toMatchObject({
      queries: 4,
      samples: 12,
      keep: null,
    });
    expect((await scored({ rollouts: made })).lines).toEqual(rewards);
    const [before, after] = await Promise.all([oversampled.path, out].map(rowsOf));
    const rows = [...kept.flatMap((q) => [3 * q, 3 * q + 1, 3 * q + 2]), 30];
    expect(after).toEqual(rows.map((row) => before?.[row]));
    expect(readLines(join(out, 'queries.jsonl'))).toHaveLength(5);
    expect(readLines(join(out, 'samples.jsonl'))).toHaveLength(12);
    expect(context.warnings).toEqual([]);
  });

  it('goes on, and warns, where no group differs or too few do', async () => {
    const { context, metrics } = await scored({ rollouts: await oversampledOf('equal', 4, [...Array(10).keys()]) });
    expect(metrics).toMatchObject({
      groups_kept: 4,
      groups_equal: 10,
      zero_std_fraction: 1,
      reward_mean: 0,
      rank_median: null,
    });
    expect(context.warnings).toEqual([
      expect.stringContaining('in 100 % of the groups all samples get the same reward') as string,
      expect.stringContaining('0 groups differ in their rewards, and 4 are to be trained') as string,
    ]);
    expect((await scored({ rollouts: await oversampledOf('few', 10, [2]) })).context.warnings).toHaveLength(1);
  });

  it('refuses a rule that is out of reach of the samples before it ranks', async () => {
    await expect(scored({ overlong_tokens: 8 })).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringContaining('every sample would be punished') as string,
    });
  });

  it('says how far the index is behind the policy that sampled', async () => {
    expect((await scored()).metrics).toMatchObject({ index_version: 0, stale_fraction: 0, lag_mean: 0 });
    const other = await smallRollouts(join(root, 'newer'), data, 'rl/model');
    const newer = (await scored({ rollouts: { ...other, identity: 'newer/rollouts' } })).metrics;
    expect(newer).toMatchObject({ stale_fraction: 1 });
  });
});

/** The small rollouts as oversampled ones, of which `keep` groups are to be trained; all samples of some groups malformed. */
async function oversampledOf(name: string, keep: number | null, malformed: number[]): Promise<LocalArtifact> {
  const made = await smallRollouts(join(root, name), data, 'sft/model');
  const path = join(made.path, 'manifest.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), keep }));
  const file = join(made.path, 'rollouts.safetensors');
  const tensors = await readSafetensors(file, 'rollouts');
  const valid = tensor(tensors, 'valid', 'U8', 'rollouts').data;
  for (const group of malformed) valid.fill(0, 3 * group, 3 * group + 3);
  await writeSafetensors(file, Object.fromEntries(tensors));
  return { ...made, identity: `${name}/rollouts` };
}

/** Every row of a rollouts folder with all that the tensors hold of it. */
async function rowsOf(folder: string): Promise<unknown[]> {
  const tensors = await readSafetensors(join(folder, 'rollouts.safetensors'), 'rollouts');
  const part = (name: string, row: number, prefix: string): number[] => {
    const offsets = tensor(tensors, `${prefix}_offsets`, 'I32', 'rollouts').data;
    return [...((tensors.get(name)?.data ?? []) as Int32Array)].slice(offsets[row], offsets[row + 1]);
  };
  const rows = tensor(tensors, 'valid', 'U8', 'rollouts').data;
  return Array.from(rows, (valid, row) => ({
    valid,
    embedding: [...tensor(tensors, 'embedding', 'F32', 'rollouts').data.slice(row * 16, row * 16 + 16)],
    prompt: part('prompt_ids', row, 'prompt'),
    ...Object.fromEntries(
      ['completion_ids', 'loss_mask', 'sampler_logprobs', 'old_logprobs'].map((name) => [
        name,
        part(name, row, 'completion'),
      ]),
    ),
  }));
}
