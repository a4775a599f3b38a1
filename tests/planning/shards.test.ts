// A step with shards in a plan: what is said of them, and what a collection must leave to them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { keptRun } from '../../gc/kept-runs.js';
import { neededBy, planRun, type PlanRunInput } from '../../planning/plan-run.js';
import { deriveStep, type StepDerivation } from '../../schemas/derivation.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { ingestFolder } from '../../store/artifacts.js';
import { saveCheckpoint } from '../../store/checkpoints.js';
import { openFolderStore } from '../../store/folder-store.js';
import { commitResult } from '../../store/results.js';
import type { ObjectStore } from '../../store/store.js';

const text = `
pawl: 1
name: large
params: { parts: { type: integer, default: 3 } }
steps:
  corpus: { uses: data.code-search }
  base: { uses: model.init, with: { data: "\${{ steps.corpus.outputs.dataset }}" } }
  index:
    uses: index.build
    with: { model: "\${{ steps.base.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}" }
    shards: \${{ params.parts }}
`;

/** The index of each iteration of a loop; the artifacts that it reads come from outside. */
const looped = (setting: string): string => `
pawl: 1
name: looped
steps:
  corpus: { uses: data.code-search }
  base: { uses: model.init, with: { data: "\${{ steps.corpus.outputs.dataset }}" } }
  rl:
    loop:
      max: 2
      ${setting}
      carry: { index: { type: index, next: "\${{ steps.index.outputs.index }}" } }
      steps:
        index:
          uses: index.build
          with: { model: "\${{ steps.base.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}" }
          shards: 3
outputs: { index: "\${{ steps.rl.outputs.index }}" }
`;

const evaluated = `
pawl: 1
name: evaluated
steps:
  corpus: { uses: data.code-search }
  base: { uses: model.init, with: { data: "\${{ steps.corpus.outputs.dataset }}" } }
  report:
    uses: eval.retrieval
    with: { model: "\${{ steps.base.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}" }
    shards: 4
`;

let dir: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-shards-'));
  store = await openFolderStore(join(dir, 'store'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const planOf = (parts: number): Plan => compiled(text, { parts });

function compiled(source: string, set: Record<string, number> = {}): Plan {
  const { plan, diagnostics } = compile({ path: 'large.yaml', text: source, set, files: () => null });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

const inputOf = (parts: number): PlanRunInput => ({
  ...{ plan: planOf(parts), store, environment: { python_version: '3.11.0' }, workflowId: null, now: 0 },
});

const index = async (parts: number) => (await planRun(inputOf(parts))).find(({ path }) => path === 'index');

/** The key of a shard, made by hand. */
const derivedShard = (parts: number, shard: number): StepDerivation =>
  derivedOf('index.shard', { shard, shards: parts });

const derivedIndex = (): StepDerivation => derivedOf('index.build', {});

function derivedOf(uses: string, own: Record<string, number>): StepDerivation {
  const { kinds, steps } = planOf(own['shards'] ?? 1);
  const derive = (uses: string, inputs: Record<string, unknown>): StepDerivation => {
    const kind = kinds[uses];
    if (kind === undefined) throw new Error(uses);
    return deriveStep({
      ...{ kindName: uses, kind, inputs, runSeed: 0, indices: [], environment: { python_version: '3.11.0' } },
    });
  };
  const withOf = (name: string): Record<string, unknown> => {
    const node = steps[name];
    return node?.node === 'step' ? node.with : {};
  };
  const ref = ({ key }: StepDerivation, output: string) => ({ $artifact: { key, output, type: output } });
  const data = ref(derive('data.code-search', withOf('corpus')), 'dataset');
  const model = ref(derive('model.init', { ...withOf('base'), data }), 'model');
  return derive(uses, { ...withOf('index'), data, model, ...own });
}

/** The step in the first iteration of a loop with this setting, as one and as three shards. */
async function turn(setting: string) {
  const steps = await planRun({ ...inputOf(1), plan: compiled(looped(setting)) });
  return steps.find((step) => step.path === 'rl')?.inner.find((step) => step.path === 'rl[0].index');
}

async function checkpointOf(checkpointKey: string): Promise<void> {
  const folder = await mkdtemp(join(dir, 'state-'));
  await writeFile(join(folder, 'state.json'), '{}');
  await saveCheckpoint(store, {
    ...{ checkpointKey, attempt: 'a', step: 20, folder, journalOffset: 0 },
    ...{ provenance: {}, createdAt: '2026-01-01T00:00:00.000Z' },
  });
}

async function commit({ key, derivation }: StepDerivation): Promise<void> {
  const folder = await mkdtemp(join(dir, 'made-'));
  await writeFile(join(folder, 'shard.json'), '{}');
  const at = '2026-01-01T00:00:00.000Z';
  await commitResult(store, {
    ...{ schema: 1, key, derivation, metrics: {}, run: 'large/one', path: 'index[1/3]', attempt: '1', startedAt: at },
    outputs: { vectors: { ...(await ingestFolder(store, folder, 'folder')), type: 'folder' } },
    ...{ endedAt: at, seconds: 1, resumedFrom: null, provenance: {}, journal: null },
  });
}

describe('a step with shards', () => {
  it('says how many there are, and how many of them are cached', async () => {
    expect((await index(1))?.reason).toBe('no result yet');
    expect((await index(3))?.reason).toBe('no result yet; 3 shards');
    await commit(derivedShard(3, 2));
    expect([(await index(3))?.reason, (await index(4))?.reason]).toEqual([
      'no result yet; 3 shards, 1 cached',
      'no result yet; 4 shards',
    ]);
  });

  it('goes on from no checkpoint of a run without them', async () => {
    await checkpointOf(derivedIndex().checkpointKey);
    expect((await index(1))?.state).toBe('RESUME');
    expect(await index(3)).toMatchObject({ state: 'RUN', reason: 'no result yet; 3 shards' });
  });

  it('goes on from its own checkpoint where it does more than put them together', async () => {
    const evaluation = async () => (await planRun({ ...inputOf(1), plan: compiled(evaluated) })).at(-1);
    const { key, reason } = (await evaluation()) ?? {};
    expect(reason).toBe('no result yet; 4 shards');
    await checkpointOf(key ?? '');
    expect(await evaluation()).toMatchObject({ state: 'RESUME', reason: 'checkpoint of step 20; 4 shards' });
  });

  it('between the clicks of a loop runs as one, from the checkpoint of one, and planning says so', async () => {
    const split = '; 3 shards';
    const asOne = '; as one, not as 3 shards: results stay with one worker until the next click of the loop';
    const settings = ['commit: 1', 'commit: 2', 'commit-behind: true'];
    const said = async () => Promise.all(settings.map(async (setting) => (await turn(setting))?.reason));
    expect(await said()).toEqual([split, asOne, asOne].map((how) => `no result yet${how}`));
    await checkpointOf((await turn('commit: 1'))?.key ?? '');
    expect(await said()).toEqual([
      `no result yet${split}`,
      `checkpoint of step 20${asOne}`,
      `checkpoint of step 20${asOne}`,
    ]);
    expect((await turn('commit: 2'))?.state).toBe('RESUME');
  });

  it('has the same key with any number of them', async () => {
    const keys = await Promise.all([1, 3, 4].map(async (parts) => (await index(parts))?.key));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('needs them until the whole is there', async () => {
    const shards = [1, 2, 3].map((shard) => derivedShard(3, shard).key);
    const before = await neededBy(inputOf(3));
    expect(shards.filter((key) => before.steps.has(key) && before.checkpoints.has(key))).toEqual(shards);
    const whole = (await index(3))?.key ?? '';
    await commit({ ...derivedShard(3, 1), key: whole });
    const after = await neededBy(inputOf(3));
    expect([after.steps.has(whole), shards.filter((key) => after.steps.has(key))]).toEqual([true, []]);
  });

  it('leaves them to a collection once its run has ended', () => {
    const step = (path: string, key: string) => ({ path, key, kind: 'index.build' }) as RunRecord['steps'][number];
    const steps = [step('index', 'whole'), step('index[1/2]', 'one'), step('index[batch=64,2/2]', 'two')];
    expect(keptRun({ steps, state: 'done' } as RunRecord, false).steps).toEqual(['whole']);
  });
});
