// eval.retrieval: a report by mode and by query, against plain arithmetic.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput } from '../../../activities/kind.js';
import { run as evaluate } from '../../../activities/kinds/eval-retrieval.js';
import type { QueryFigures } from '../../../retrieval/report.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { dot } from '../../../retrieval/vector-index.js';
import type { Report } from '../../../schemas/generated/report.js';
import * as validators from '../../../schemas/generated/validators.js';
import { evaluationDefaults } from './evaluation-defaults.js';
import { smallDataset, smallModel, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, readLines, writeLines, type FakeContext } from './word-model.js';

let root: string;
let data: SmallDataset;
const cleanUp: (() => Promise<void>)[] = [];

async function evaluated(inputs: Record<string, KindInput> = {}): Promise<{
  context: FakeContext;
  metrics: Record<string, number | null>;
  report: Report;
  lines: QueryFigures[];
  out: string;
}> {
  const context = await fakeContext({
    ...evaluationDefaults,
    model: smallModel(root, 'sft/model'),
    data: data.artifact,
    ...inputs,
  });
  cleanUp.push(() => context.remove());
  const metrics = await evaluate(context);
  const out = context.outputs['report'] ?? '';
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report;
  return { context, metrics, report, out, lines: readLines(join(out, 'queries.jsonl')) as QueryFigures[] };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-eval-'));
  data = smallDataset(root);
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('eval.retrieval', () => {
  it('ranks as a plain loop does, the copy of the answer left out', async () => {
    const { lines, report, metrics } = await evaluated({ modes: ['plain'] });
    const documents = data.documents.map(({ text }) => embed(text, 'sft/model'));
    const ranks = data.queries.slice(0, 10).map(({ text }, q) => {
      const query = embed(text, 'sft/model');
      const own = dot(query, documents[q] as Float32Array);
      return (
        1 +
        documents.filter((document, row) => row !== q && !(q === 0 && row === 59) && dot(query, document) > own).length
      );
    });
    expect(lines.map((line) => line.ranks)).toEqual(ranks.map((rank) => [rank]));
    const ndcg = ranks.map((rank) => (rank <= 10 ? 1 / Math.log2(1 + rank) : 0));
    expect(metrics['ndcg_at_10']).toBeCloseTo(ndcg.reduce((sum, x) => sum + x, 0) / 10, 12);
    expect(metrics['greedy_ndcg_at_10']).toBeNull();
    expect(report).toMatchObject({ split: 'test', queries: 10, excluded: 0, corpus: 60, duplicates: 1 });
    expect(new Set(ranks).size).toBeGreaterThan(1);
  });

  it('writes a report that follows its schema, with intervals around each figure', async () => {
    const { report } = await evaluated();
    expect(validators.report(report)).toBe(true);
    for (const mode of ['plain', 'greedy', 'bm25']) {
      const figures = report.modes[mode] ?? {};
      expect(figures['ndcg_at_10_low']).toBeLessThanOrEqual(figures['ndcg_at_10'] ?? NaN);
      expect(figures['ndcg_at_10_high']).toBeGreaterThanOrEqual(figures['ndcg_at_10'] ?? NaN);
    }
  });

  it('asks for the mean over samples and keeps the reasonings', async () => {
    const { lines, out, context, metrics } = await evaluated({ modes: ['plain', 'sampled'], samples: 3 });
    const sampled = lines.filter((line) => line.mode === 'sampled');
    expect(sampled.map((line) => line.ranks.length)).toEqual(Array(10).fill(3));
    expect(readLines(join(out, 'reasoning-sampled.jsonl')).length).toBe(30);
    expect(context.calls.at(-1)).toMatchObject({
      op: 'reason',
      seed: 7,
      inputs: { mode: 'sampled', samples: 3, temperature: 0.5, min_new: 6 },
    });
    // The reasoning repeats the query, so it must come to the same.
    expect(metrics['sampled_ndcg_at_10']).toBeCloseTo(metrics['ndcg_at_10'] ?? NaN, 12);
  });

  it('counts a reasoning without an embedding as nothing found', async () => {
    const path = join(root, 'with-malformed');
    const copy = smallDataset(path);
    const queries = copy.queries.map((query, i) => (i === 3 ? { ...query, text: `malformed ${query.text}` } : query));
    writeLines(join(copy.artifact.path, 'queries.jsonl'), queries);
    const { lines, metrics } = await evaluated({ data: copy.artifact, modes: ['greedy'] });
    expect(lines[3]).toMatchObject({ query: 'q3', ranks: [null], ndcg_at_10: 0, recall_at_100: 0, reward: 0 });
    expect(metrics['greedy_valid_fraction']).toBeCloseTo(0.9);
  });

  it('runs BM25 without the trainer', async () => {
    const { context, metrics } = await evaluated({ modes: ['bm25'] });
    expect(context.calls).toEqual([]);
    expect(metrics['bm25_ndcg_at_10']).toBeGreaterThan(0.3);
  });

  it('excludes and counts queries without a relevant document, and refuses a split that has no other', async () => {
    const path = join(root, 'unjudged');
    const copy = smallDataset(path);
    writeLines(join(copy.artifact.path, 'qrels.jsonl'), [
      { query: 'q0', document: 'd0', grade: 2 },
      { query: 'q1', document: 'd1', grade: 0 },
    ]);
    expect((await evaluated({ data: copy.artifact, modes: ['plain'] })).report).toMatchObject({
      queries: 1,
      excluded: 9,
    });
    await expect(evaluated({ data: copy.artifact, split: 'rl' })).rejects.toThrow(
      /The split `rl` has no query with a relevant document \(10 without\)/,
    );
  });

  it('takes the same limited set of queries for every model', async () => {
    const one = await evaluated({ queries: 4, modes: ['plain'] });
    const other = await evaluated({ queries: 4, modes: ['plain'], model: smallModel(root, 'rl/model') });
    expect(one.lines.length).toBe(4);
    expect(other.lines.map((line) => line.query)).toEqual(one.lines.map((line) => line.query));
  });

  it('says when the trainer wrote too few vectors', async () => {
    const { writeFileSync } = await import('node:fs');
    const context = await fakeContext(
      { ...evaluationDefaults, model: smallModel(root, 'sft/model'), data: data.artifact },
      {
        engine: ({ inputs }) => {
          writeFileSync(inputs['out'] as string, Buffer.alloc(8));
        },
      },
    );
    cleanUp.push(() => context.remove());
    await expect(evaluate(context)).rejects.toMatchObject({
      failureClass: 'trainer_crash',
      message: 'The trainer wrote 8 bytes of embeddings; 60 of 16 numbers are 3840.',
    });
    expect(existsSync(join(context.outputs['report'] ?? '', 'report.json'))).toBe(false);
  });
});
