// eval.compare: paired differences of reports, over queries, sets and replicas.
import { mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as compare } from '../../../activities/kinds/eval-compare.js';
import { seededRandom } from '../../../retrieval/random.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { fakeContext, readLines, writeLines } from './word-model.js';

let root: string;
const cleanUp: (() => Promise<void>)[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-compare-'));
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true });
});

interface Row {
  query: string;
  mode: string;
  ndcg_at_10: number;
  set?: string;
}

function report(name: string, rows: Row[]): LocalArtifact {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  writeLines(join(path, 'queries.jsonl'), rows);
  return { path, identity: `${name}/report`, type: 'report' };
}

/** Values that differ much between queries, plus a gain that differs little. */
function rows(gain: number, set?: string, queries = 60): Row[] {
  const random = seededRandom(1, `compare ${set ?? ''}`);
  return Array.from({ length: queries }, (_, i) => {
    const value = random.bits() / 2 ** 32;
    const own = gain + (gain === 0 ? 0 : 0.02 * (random.bits() / 2 ** 32 - 0.5));
    if (gain === 0) random.bits();
    return { query: `q${i}`, mode: 'plain', ndcg_at_10: value + own, ...(set === undefined ? {} : { set }) };
  });
}

async function compared(
  inputs: Record<string, KindInput>,
): Promise<{ metrics: Record<string, number | null>; out: string }> {
  const defaults = { figure: 'ndcg_at_10', mode: 'plain', after_mode: 'same', resamples: 1000 };
  const context = await fakeContext({ ...defaults, ...inputs });
  cleanUp.push(() => context.remove());
  return { metrics: await compare(context), out: context.outputs['comparison'] ?? '' };
}

describe('eval.compare', () => {
  it('finds a gain that is small beside the differences between queries, and writes it by query', async () => {
    const { metrics, out } = await compared({ before: report('a', rows(0)), after: report('b', rows(0.01)) });
    expect(metrics['difference']).toBeCloseTo((metrics['after'] ?? 0) - (metrics['before'] ?? 0), 12);
    expect(metrics['difference']).toBeCloseTo(0.01, 2);
    expect(metrics['difference_low']).toBeGreaterThan(0.005);
    expect(metrics['p_value']).toBeCloseTo(1 / 1001, 9);
    expect(metrics['detectable']).toBeLessThan(0.005);
    expect(readLines(join(out, 'queries.jsonl'))).toHaveLength(60);
    expect(JSON.parse(readFileSync(join(out, 'comparison.json'), 'utf8'))).toMatchObject({ replicas: 1, queries: 60 });
  });

  it('compares modes of one report, and says which one is missing', async () => {
    const one = report('modes', [...rows(0), ...rows(0.2).map((row) => ({ ...row, mode: 'greedy' }))]);
    const { metrics } = await compared({ before: one, after: one, after_mode: 'greedy' });
    expect(metrics['difference']).toBeCloseTo(0.2, 2);
    await expect(compared({ before: one, after: one, mode: 'sampled' })).rejects.toThrow(
      /there is nothing of the mode sampled; ask eval\.retrieval for it in `modes`/,
    );
  });

  it('weighs sets alike', async () => {
    const before = report('s1', [...rows(0, 'large', 200), ...rows(0, 'small', 10)]);
    const after = report('s2', [...rows(0, 'large', 200), ...rows(0.4, 'small', 10)]);
    expect((await compared({ before, after })).metrics['difference']).toBeCloseTo(0.2, 2);
  });

  it('draws replicas, too: three seeds that disagree leave the difference open', async () => {
    const names = ['s1', 's2', 's3'];
    const side = (gains: number[]): Record<string, LocalArtifact> =>
      Object.fromEntries(names.map((name, i) => [name, report(`${name}${gains.join()}`, rows(gains[i] ?? 0))]));
    const { metrics } = await compared({ before: side([0, 0, 0]), after: side([0.1, -0.08, 0.01]) });
    expect(metrics['difference']).toBeCloseTo(0.01, 2);
    expect(metrics['difference_low']).toBeLessThan(-0.05);
    expect(metrics['p_value']).toBeGreaterThan(0.2);
  });

  it('refuses reports of other queries', async () => {
    const fewer = report('fewer', rows(0).slice(1));
    await expect(compared({ before: report('all', rows(0)), after: fewer })).rejects.toThrow(
      /query "q0" is in one report only/,
    );
  });
});
