// eval.retrieval over several data sets, by unseen answers, with BM25 tuned: what a report says of each.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as evaluate } from '../../../activities/kinds/eval-retrieval.js';
import type { QueryFigures } from '../../../retrieval/report.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import type { Report } from '../../../schemas/generated/report.js';
import * as validators from '../../../schemas/generated/validators.js';
import { evaluationDefaults } from './evaluation-defaults.js';
import { smallDataset, smallModel, type SmallDataset } from './small-dataset.js';
import { fakeContext, readLines, writeLines } from './word-model.js';

let root: string;
let one: SmallDataset;
let other: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

async function evaluated(inputs: Record<string, KindInput>): Promise<{
  metrics: Record<string, number | null>;
  report: Report;
  lines: QueryFigures[];
}> {
  const context = await fakeContext({ ...evaluationDefaults, model: smallModel(root, 'sft/model'), ...inputs });
  cleanUp.push(() => context.remove());
  const metrics = await evaluate(context);
  const out = context.outputs['report'] ?? '';
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report;
  expect(validators.report(report)).toBe(true);
  return { metrics, report, lines: readLines(join(out, 'queries.jsonl')) as QueryFigures[] };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-eval-sets-'));
  one = smallDataset(root);
  // A smaller set: three of its queries are of the split test.
  const small = smallDataset(join(root, 'small'), 30);
  const queries = small.queries.map((query, i) => ({ ...query, split: i < 3 ? 'test' : 'dev' }));
  writeLines(join(small.artifact.path, 'queries.jsonl'), queries);
  other = { ...small.artifact, identity: 'small/dataset' };
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('eval.retrieval over several data sets', () => {
  it('gives each set the figures that it has alone, and their mean over sets', async () => {
    const modes = { modes: ['plain', 'greedy', 'bm25'] };
    const alone = [await evaluated({ ...modes, data: one.artifact }), await evaluated({ ...modes, data: other })];
    const both = await evaluated({ ...modes, data: { b: one.artifact, a: other } });
    expect(Object.keys(both.report.sets ?? {})).toEqual(['a', 'b']);
    expect(both.report.sets?.['b']?.modes).toEqual(alone[0]?.report.modes);
    expect(both.report.sets?.['a']?.modes).toEqual(alone[1]?.report.modes);
    expect(both.report).toMatchObject({ queries: 13, corpus: 90 });
    for (const name of ['ndcg_at_10', 'map', 'bm25_recall_at_10', 'greedy_strict_fraction'])
      expect(both.metrics[name]).toBeCloseTo(
        ((alone[0]?.metrics[name] ?? NaN) + (alone[1]?.metrics[name] ?? NaN)) / 2,
        12,
      );
    expect(both.lines.filter(({ set, mode }) => set === 'a' && mode === 'plain')).toHaveLength(3);
    expect(alone[0]?.lines[0]).not.toHaveProperty('set');
  });

  it('reports the queries whose answers are unseen in other splits apart', async () => {
    const qrels = [
      ...one.queries.map((query, i) => ({ query: query._id, document: `d${i}`, grade: 1 })),
      // Two answers of the split test are also answers in rl; a judgement of grade 0 is no answer.
      { query: 'q15', document: 'd0', grade: 1 },
      { query: 'q16', document: 'd1', grade: 2 },
      { query: 'q16', document: 'd2', grade: 0 },
    ];
    const path = smallDataset(join(root, 'unseen')).artifact;
    writeLines(join(path.path, 'qrels.jsonl'), qrels);
    const { report, metrics, lines } = await evaluated({ data: path, modes: ['plain'], unseen_in: ['rl', 'dev'] });
    expect(report.unseen).toMatchObject({ splits: ['rl', 'dev'], queries: 8 });
    expect(lines.filter(({ unseen }) => unseen === false).map(({ query }) => query)).toEqual(['q0', 'q1']);
    const rest = lines.filter(({ unseen }) => unseen).map(({ ndcg_at_10 }) => ndcg_at_10);
    expect(metrics['unseen_ndcg_at_10']).toBeCloseTo(rest.reduce((sum, x) => sum + x, 0) / 8, 12);
    expect(metrics['ndcg_at_10']).not.toBe(metrics['unseen_ndcg_at_10']);
  });

  it('tunes BM25 on the split that is named, and keeps what is given where a set has no such queries', async () => {
    const tuned = await evaluated({ data: { a: other, b: one.artifact }, modes: ['bm25'], bm25_tune: 'dev' });
    expect(tuned.report.sets?.['a']?.bm25?.tunedOn).toBe('dev');
    expect(tuned.report.sets?.['b']?.bm25).toEqual({ k1: 1.2, b: 0.75, tunedOn: null });
  });

  it('counts copies of an answer against when asked to, as trec_eval does', async () => {
    const given = { data: one.artifact, modes: ['plain'] };
    const without = await evaluated(given);
    const as = await evaluated({ ...given, leave_out_duplicates: false });
    expect(without.report.duplicates).toBe(1);
    expect(as.report.duplicates).toBe(0);
    // d59 has the text of d0, and so its score; the ids decide, descending.
    expect(as.lines[0]?.ranks[0]).toBe((without.lines[0]?.ranks[0] ?? NaN) + 1);
  });

  it('tells reasonings that are well formed exactly from those that only have an embedding', async () => {
    const odd = smallDataset(join(root, 'odd'));
    const queries = odd.queries.map((query, i) => (i < 3 ? { ...query, text: `odd ${query.text}` } : query));
    writeLines(join(odd.artifact.path, 'queries.jsonl'), queries);
    const { metrics, report } = await evaluated({ data: odd.artifact, modes: ['greedy', 'plain'] });
    expect(metrics).toMatchObject({ greedy_valid_fraction: 1, greedy_strict_fraction: 0.7 });
    expect(report.modes['plain']).not.toHaveProperty('strict_fraction');
  });
});
