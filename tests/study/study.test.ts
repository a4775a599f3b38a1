// What a study claims: endpoints as the file states them, differences paired by seed and query, and no claim without evidence.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modeFigures, queryFigures } from '../../retrieval/report.js';
import { seededRandom } from '../../retrieval/random.js';
import { clusterOf, compare, holm, normalQuantile } from '../../study/compare.js';
import { parseEndpoints } from '../../study/endpoints.js';
import { statedIn } from '../../study/main.js';
import { studyPage } from '../../study/page.js';
import { folderOf, readArm, type Arm, type Replica } from '../../study/replica.js';

const arms = ['sft', 'rl'];
const endpoint = 'rl.plain - sft.plain: ndcg_at_10';

let root: string;
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-study-'));
});
afterAll(() => rm(root, { recursive: true }));

/** Report of an arm whose queries rank their document at `rankOf`. */
async function armOf(rankOf: (query: number) => number, queries = 60): Promise<Arm> {
  const lines = Array.from({ length: queries }, (_, at) =>
    queryFigures(`q:package${at % 20}.f${at}`, 'plain', [{ judged: [{ rank: rankOf(at), grade: 1 }] }]),
  );
  const folder = join(root, String((made += 1)));
  await mkdir(folder);
  const modes = { plain: modeFigures([lines]) };
  const report = { schema: 1, split: 'test', queries, excluded: 0, corpus: 100, duplicates: 0, modes };
  await writeFile(join(folder, 'report.json'), JSON.stringify(report));
  await writeFile(join(folder, 'queries.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return readArm(folder);
}

/** Replicas whose second arm ranks better by `shift` and by chance otherwise. */
const replicasOf = (shift: number, seeds = 5): Promise<Replica[]> =>
  Promise.all(
    Array.from({ length: seeds }, async (_, seed) => {
      const random = seededRandom(seed, 'ranks');
      const ranks = Array.from({ length: 60 }, () => [10 + random.below(20), 10 + random.below(20)] as const);
      const sft = await armOf((at) => ranks[at]![0]);
      const rl = await armOf((at) => Math.max(1, ranks[at]![1] - shift));
      return { seed, arms: new Map([['sft', sft], ['rl', rl]]), metrics: { tokens: 100 + seed } }; // prettier-ignore
    }),
  );

const compared = (replicas: Replica[], texts = [endpoint]) => compare(parseEndpoints(texts, arms), replicas, 2000);

describe('endpoints', () => {
  it('are read from the pipeline, with the arms that it has', () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'pipelines', 'study.yaml'), 'utf8');
    const stated = statedIn(text, 'study.yaml');
    expect(parseEndpoints(stated.endpoints, stated.arms)).toHaveLength(5);
    expect(parseEndpoints(stated.endpoints, stated.arms)[3]).toMatchObject({
      treated: { arm: 'rl', mode: 'sampled' },
      control: { arm: 'continued', mode: 'sampled' },
      figure: 'reward',
    });
  });

  it.each([
    ['rl.plain > sft.plain: map', 'not of the form'],
    ['xl.plain - sft.plain: map', 'no arm `xl`. There are sft, rl.'],
    ['rl.loud - sft.plain: map', 'no mode `loud`. There are plain, greedy, sampled, bm25.'],
    ['rl.plain - sft.plain: f1', 'no figure `f1`. There are ndcg_at_1,'],
  ])('`%s` is refused', (text, message) => {
    expect(() => parseEndpoints([text], arms)).toThrow(message);
  });

  it('are missed in a file that states none', () => {
    expect(() => statedIn('pawl: 1\nname: x\n', 'x.yaml')).toThrow('x.yaml states no endpoints');
    expect(() => parseEndpoints([], arms)).toThrow('names no endpoint');
  });
});

describe('a comparison', () => {
  it('claims a difference that is there, with an interval around it', async () => {
    const replicas = await replicasOf(9);
    const [found] = await compared(replicas);
    expect(found).toMatchObject({ verdict: 'better', queries: 60, clusters: 20 });
    expect(found!.low).toBeGreaterThan(0);
    expect(found!.low).toBeLessThan(found!.mean);
    expect(found!.high).toBeGreaterThan(found!.mean);
    expect(found!.byReplica.reduce((sum, value) => sum + value, 0) / 5).toBeCloseTo(found!.mean, 12);
    const [other] = await compared(replicas, ['sft.plain - rl.plain: ndcg_at_10']);
    expect(other!.mean).toBeCloseTo(-found!.mean, 12);
    expect(other!.verdict).toBe('worse');
  });

  it('claims nothing of chance, and says what it would have seen', async () => {
    const [found] = await compared(await replicasOf(0));
    expect(found!.verdict).toBe('undecided');
    expect(found!.detectable).toBeCloseTo((1.96 + 0.8416) * found!.standardError, 4);
  });

  it('asks more of each of several endpoints', async () => {
    const replicas = await replicasOf(9);
    const [alone] = await compared(replicas);
    const [first] = await compared(replicas, [endpoint, 'sft.plain - rl.plain: map']);
    expect(first!.adjusted).toBeCloseTo(2 * alone!.p, 12);
    expect(first!.detectable).toBeGreaterThan(alone!.detectable);
  });

  it('refuses sides and replicas of different queries, and arms that were not handed out', async () => {
    const [one, two] = (await replicasOf(3, 2)) as [Replica, Replica];
    const short = new Map(two.arms).set('rl', await armOf(() => 3, 59));
    await expect(compared([one, { ...two, arms: short }])).rejects.toThrow('is in one report only');
    expect(() => folderOf(one, { arm: 'base', mode: 'plain' })).toThrow('handed out no report `base`');
  });
});

describe('statistics', () => {
  it('Holm multiplies step by step and never falls', () => {
    expect(holm([0.04, 0.01, 0.03, 0.005])).toEqual([0.06, 0.03, 0.06, 0.02]);
    expect(holm([0.6, 0.9])).toEqual([1, 1]);
  });

  it('quantiles of the normal distribution', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 4);
    expect(normalQuantile(0.995)).toBeCloseTo(2.575829, 4);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 6);
  });

  it('queries of one package are drawn together, others by themselves', () => {
    expect(['q:a.b.c', 'q:b.x', 'q:a.d', 'plain'].map(clusterOf)).toEqual(['q:a.', 'q:b.', 'q:a.', 'plain']);
  });
});

describe('the page', () => {
  const facts = {
    file: 'pipelines/study.yaml',
    command: 'npm run study',
    commit: 'abc',
    machine: 'a machine',
    minutes: 3,
  };

  it('says what was found, what was not, and what could have been', async () => {
    const better = await replicasOf(9);
    const page = studyPage(await compared(better), better, facts);
    expect(page).toContain('`rl.plain` against `sft.plain`: **better** by');
    expect(page).toContain('| rl | plain |');
    expect(page).toContain('| tokens | 100 | 101 | 102 | 103 | 104 |');
    const chance = await replicasOf(0);
    expect(studyPage(await compared(chance), chance, facts)).toContain('no difference is claimed');
    expect(page).not.toContain('answer unseen');
  });

  it('has a column for queries whose answer is unseen where a report tells them apart', async () => {
    const replicas = await replicasOf(9, 2);
    const [first] = [...replicas[0]!.arms.values()];
    first!.report.unseen = { splits: ['dev'], queries: 7, modes: { plain: { ndcg_at_10: 0.125 } } };
    const page = studyPage(await compared(replicas), replicas, facts);
    expect(page).toContain('nDCG@10, answer unseen |\n');
    expect(page).toMatch(/\| sft \| plain \|.* \| \.125 \|\n\| rl \| plain \|.* \|  \|\n/);
  });
});

it('a folder that is no report is refused', async () => {
  const folder = join(root, 'other');
  await mkdir(folder);
  await writeFile(join(folder, 'report.json'), '{}');
  await expect(readArm(folder)).rejects.toThrow('holds no report');
});
