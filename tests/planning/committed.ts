// Records as runs leave them, written straight into a store: results, runs, checkpoints and clicks with fixed times.
import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveStep } from '../../schemas/derivation.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import type { Plan, PlanKind } from '../../schemas/generated/plan.js';
import type { Result, RunRecord } from '../../schemas/generated/records.js';
import { ingestFolder } from '../../store/artifacts.js';
import { saveCheckpoint } from '../../store/checkpoints.js';
import { commitClick } from '../../store/clicks.js';
import { commitResult } from '../../store/results.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';

export const at = '2026-01-01T12:30:00.000Z';

export const ref = (key: string): unknown => ({ $artifact: { key, output: 'folder', type: 'folder' } });

/** Of test.sleep, with its inputs. */
export interface Committed {
  path: string;
  inputs: Record<string, unknown>;
  value: number;
  seconds?: number;
  run?: string;
}

/** `plan`: one that uses test.sleep. `dir`: a folder for files on their way in. */
export function recordsIn(
  store: ObjectStore,
  dir: string,
  plan: Pick<Plan, 'kinds'>,
): {
  commit(step: Committed): Promise<string>;
  checkpoint(inputs: Record<string, unknown>, step: number): Promise<void>;
  click(loopKey: string, index: number, keys: Record<string, string>, seconds?: number): Promise<void>;
  keyOf(inputs: Record<string, unknown>): string;
} {
  const kind = plan.kinds['test.sleep'];
  if (kind === undefined) throw new Error('test.sleep is not in the plan');
  const derive = (inputs: Record<string, unknown>) => derived(kind, inputs);
  return {
    keyOf: (inputs) => derive(inputs).key,
    async commit({ path, inputs, value, seconds = 1, run = 'planned/one' }) {
      const { derivation, key } = derive(inputs);
      const folder = await mkdtemp(join(dir, 'artifact-'));
      await writeFile(join(folder, 'counter.json'), `${path} ${value} ${run}`);
      const outputs: Result['outputs'] = {
        folder: { ...(await ingestFolder(store, folder, 'folder')), type: 'folder' },
      };
      await commitResult(store, {
        ...{ schema: 1, key, derivation, outputs, metrics: { value, steps: 3 }, run, path, attempt: '1' },
        ...{ startedAt: at, endedAt: at, seconds, resumedFrom: null, provenance: {}, journal: null },
      });
      await writeRun(store, runRecord(run, path, key));
      return key;
    },
    async checkpoint(inputs, step) {
      const folder = join(await mkdtemp(join(dir, 'checkpoint-')), 'state');
      await mkdir(folder);
      await writeFile(join(folder, 'state.json'), JSON.stringify({ step }));
      const { checkpointKey } = derive(inputs);
      await saveCheckpoint(store, {
        ...{ checkpointKey, attempt: 'a', step, folder, journalOffset: 0, provenance: {}, createdAt: at },
      });
    },
    async click(loopKey, index, keys, seconds = 1) {
      const metrics = Object.fromEntries(Object.keys(keys).map((step) => [step, { value: index, steps: 1 }]));
      const carry = { last: ref(Object.values(keys)[0] ?? '') };
      await commitClick(store, { schema: 1, loopKey, index, carry, metrics, keys, createdAt: at, seconds });
    },
  };
}

const derived = (kind: PlanKind, inputs: Record<string, unknown>): ReturnType<typeof deriveStep> => {
  const defaults = Object.entries(stepKinds['test.sleep']?.inputs ?? {}).flatMap(([name, input]) =>
    'default' in input ? [[name, input.default] as const] : [],
  );
  const all = { ...Object.fromEntries(defaults), ...inputs };
  return deriveStep({ kindName: 'test.sleep', kind, inputs: all, runSeed: 0, indices: [], environment: {} });
};

const runRecord = (run: string, path: string, key: string): RunRecord => ({
  ...{ schema: 1, workflowId: `${run}-${path}`, runId: 'r', planHash: 'sha256:0', name: run.split('/')[0] ?? run },
  ...{ state: 'done', startedAt: at, endedAt: at, gitCommit: null },
  steps: [
    {
      ...{ path, kind: 'test.sleep', key, state: 'done', reason: null, startedAt: at, endedAt: at, seconds: 1 },
      ...{ attempts: 1, resumedFrom: null, metrics: {}, failure: null, clicks: null },
    },
  ],
  ...{ outputs: {}, metrics: {}, failures: [], lost: {}, mlflow: null },
});
