// index.record and index.replay: what is recorded, that a replay is what the steps of a loop would have measured, and going on from a checkpoint.
import { mkdirSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as record } from '../../../activities/kinds/index-record.js';
import { run as refresh } from '../../../activities/kinds/index-refresh.js';
import { run as replay } from '../../../activities/kinds/index-replay.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import type { ReplayLine } from '../../../retrieval/replay.js';
import type { ReplaySummary } from '../../../retrieval/replay-report.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { openTrajectory, readTrajectory } from '../../../retrieval/trajectory.js';
import { vectorOf } from '../../../retrieval/vector-index.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, readLines, type FakeContext } from './word-model.js';

const models = ['p0/model', 'p1/model', 'p2/model', 'p3/model'];
const options = {
  ...{ top: 2, ring: 3, probe: 0.25, share: 0.5, target: 0.95, confidence: 0.95 },
  ...{ ranks: 'served', lambda: 1 },
};
let root: string;
let data: SmallDataset;
let trajectory: LocalArtifact;
const recorded: LocalArtifact[] = [];
const rollouts: LocalArtifact[] = [];
const cleanUp: (() => Promise<void>)[] = [];

async function contextOf(inputs: Record<string, KindInput>, more: Partial<FakeContext> = {}): Promise<FakeContext> {
  const made = await fakeContext(inputs, { seed: 7 });
  cleanUp.push(() => made.remove());
  return Object.assign(made, more);
}

const inputsOf = (more: Record<string, KindInput> = {}): Record<string, KindInput> => ({
  ...{
    trajectory,
    policies: ['full', 'neighbourhood', 'oldest', 'random'],
    budgets: [0.1, 30],
    draws: 2,
    encode_rate: 100,
    correct: ['none'],
  },
  ...options,
  ...more,
});

interface Report {
  dir: string;
  policies: ReplaySummary[];
  lines: (ReplayLine & { policy: string; budget: number; draw: number })[];
}

async function replayed(context: FakeContext): Promise<Report> {
  await replay(context);
  const dir = context.outputs['report'] ?? '';
  const { policies } = JSON.parse(readFileSync(join(dir, 'replay.json'), 'utf8')) as { policies: ReplaySummary[] };
  return { dir, policies, lines: readLines(join(dir, 'lines.jsonl')) as Report['lines'] };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-replay-'));
  data = smallDataset(root);
  for (const [i, model] of models.entries()) {
    const dir = join(root, `iteration-${i}`);
    mkdirSync(dir);
    rollouts.push(await smallRollouts(dir, data, model));
    const context = await contextOf({
      ...{ trajectory: recorded.at(-1) ?? null, model: smallModel(root, model), data: data.artifact },
      ...{ rollouts: rollouts[i] as LocalArtifact, batch: 8 },
    });
    expect((await record(context))['iterations']).toBe(i + 1);
    const path = context.outputs['trajectory'] ?? '';
    recorded.push({ path, identity: `r${i}/trajectory`, type: 'folder' });
  }
  trajectory = recorded.at(-1) as LocalArtifact;
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('index.record', () => {
  it('keeps of each iteration the whole corpus by its policy and its rollouts, and shares the files of earlier ones', async () => {
    const open = await openTrajectory(trajectory.path);
    expect(open.manifest.iterations.map(({ model }) => model)).toEqual(models);
    for (const [i, model] of models.entries()) {
      const full = await open.full(i);
      data.documents.forEach(({ text }, row) => {
        expect([...vectorOf(full, row)]).toEqual([...embed(text, model)]);
      });
      expect((await open.samples(i)).places.length).toBe(29);
    }
    const [first] = (await readTrajectory(recorded[0]?.path ?? '')).iterations;
    const inode = (artifact: LocalArtifact | undefined): number =>
      statSync(join(artifact?.path ?? '', first?.vectors ?? '')).ino;
    expect(inode(trajectory)).toBe(inode(recorded[0]));
  });

  it('refuses a folder that is no trajectory, and another data set', async () => {
    const common = { model: smallModel(root, 'p0/model'), rollouts: rollouts[0] as LocalArtifact, batch: 8 };
    const wrong = await contextOf({ ...common, trajectory: data.artifact, data: data.artifact });
    await expect(record(wrong)).rejects.toThrow(/no recorded trajectory; index.record makes one/);
    const other = smallDataset(mkdtempSync(join(root, 'other-')), 61);
    const mixed = await contextOf({ ...common, trajectory, data: other.artifact });
    await expect(record(mixed)).rejects.toThrow(/record one data set/);
  });
});

describe('index.replay', () => {
  let whole: Report;
  beforeAll(async () => {
    whole = await replayed(await contextOf(inputsOf()));
  });
  const of = (policy: string, budget?: number): ReplaySummary =>
    whole.policies.find((one) => one.policy === policy && (budget ?? one.budget) === one.budget) as ReplaySummary;

  it('is perfect when everything is re-encoded, stale when nothing is, and keeps every budget', () => {
    expect(of('full')).toMatchObject({ encoded: 60, share: 1, recallAt10: 1, rankShift: 0, rewardGap: 0, lag: 0 });
    expect(of('full').driftFull).toBeCloseTo(0, 6);
    expect(of('none')).toMatchObject({ encoded: 0, lag: 2 });
    expect(of('none').rankShift).toBeGreaterThan(0);
    for (const policy of ['neighbourhood', 'oldest', 'random']) {
      expect(of(policy, 0.1)).toMatchObject({ encoded: 6, draws: 2 });
      expect(of(policy, 30).encoded).toBe(30);
      expect(of(policy, 30).driftFull).toBeLessThan(of('none').driftFull ?? 0);
    }
    expect(whole.lines.length).toBe(3 * (1 + 1 + 3 * 2 * 2));
  });

  it('measures what index.refresh measures in a loop over the same policies', async () => {
    const context = await contextOf({ model: smallModel(root, 'p0/model'), data: data.artifact, ...buildDefaults });
    await build(context);
    let index: LocalArtifact = { path: context.outputs['index'] ?? '', identity: 'loop0/index', type: 'index' };
    const replayedHere = await replayed(
      await contextOf(inputsOf({ policies: ['oldest'], budgets: [0.1], draws: 1, probe: 0 })),
    );
    const lines = replayedHere.lines.filter(({ policy }) => policy === 'oldest');
    for (const [i, model] of models.entries()) {
      if (i === 0) continue;
      const step = await contextOf({
        ...{ index, model: smallModel(root, model), rollouts: rollouts[i] as LocalArtifact, policy: 'oldest' },
        ...{ budget: { fraction: 0.1 }, ...options, probe: 0, correct: 'none', compact: 0.5, fidelity: true, batch: 8 },
      });
      const metrics = await refresh(step);
      const line = lines[i - 1] as ReplayLine;
      expect(metrics).toMatchObject({
        ...{ encoded: line.encoded, recall_at_10: line.recallAt10, rank_shift: line.rankShift },
        ...{ reward_gap: line.rewardGap, pair_agreement: line.pairAgreement, spearman: line.spearman },
        ...{ advantage_cosine: line.advantageCosine, lag_mean: line.lag },
      });
      index = { path: step.outputs['index'] ?? '', identity: `loop${i}/index`, type: 'index' };
    }
    indexCache().clear();
  });

  it('goes on from a checkpoint with the next run, to the same figures', async () => {
    const saved: { path: string; step: number }[] = [];
    const stop = new AbortController();
    const cut = await contextOf(inputsOf(), {
      checkpoint: { everySteps: 1, everyMs: null },
      signal: stop.signal,
      saveCheckpoint: (path, step) => {
        saved.push({ path, step });
        if (saved.length === 5) stop.abort(new Error('stopped'));
        return Promise.resolve();
      },
    });
    await expect(replay(cut)).rejects.toThrow('stopped');
    const resume = saved.at(-1) ?? null;
    const after: number[] = [];
    const rest = await contextOf(inputsOf(), {
      ...{ resume, checkpoint: { everySteps: 1, everyMs: null } },
      saveCheckpoint: (_, step) => Promise.resolve(void after.push(step)),
    });
    const found = await replayed(rest);
    for (const file of ['replay.json', 'lines.jsonl', 'agreement.svg'])
      expect(readFileSync(join(found.dir, file), 'utf8')).toBe(readFileSync(join(whole.dir, file), 'utf8'));
    expect(resume?.step).toBe(5 * 3);
    expect(after[0]).toBe(6 * 3);
    expect(after.length).toBe(14 - 5);
  });

  it('writes a table with the cost in seconds, and plots', () => {
    const page = readFileSync(join(whole.dir, 'report.md'), 'utf8');
    expect(page).toMatch(/\| neighbourhood \| 10 % \| 6\.0 \|/);
    expect(page).toMatch(/\| random \| 30 docs \| 30\.0 \|.*\| 300 \|/);
    const plot = readFileSync(join(whole.dir, 'agreement.svg'), 'utf8');
    expect(plot.match(/<polyline/g)?.length).toBe(3);
    expect(plot).toContain('stroke-dasharray');
  });

  it('says what is wrong with policies and a trajectory that is too short', async () => {
    const failing = async (more: Record<string, KindInput>): Promise<unknown> =>
      replay(await contextOf(inputsOf(more)));
    await expect(failing({ policies: ['frozen'] })).rejects.toThrow(/names frozen; there are none, full/);
    await expect(failing({ trajectory: recorded[0] as LocalArtifact })).rejects.toThrow(
      /has 1 iteration; .* Record more/,
    );
  });
});
