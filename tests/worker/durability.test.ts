import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledFailure, defaultPayloadConverter } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PulseDetails } from '../../activities/pulse.js';
import type { Result } from '../../schemas/generated/records.js';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { parseRecord } from '../../store/record-json.js';
import { readRun } from '../../store/runs.js';
import { repository } from '../local/built.js';
import { callOf, openBench, type Bench } from '../activities/bench.js';
import { isAlive } from '../activities/engine/fixture.js';
import { openRig, planOf, stepOf, until, type Rig, type WorkerProcess } from './rig.js';

let rig: Rig;
let bench: Bench;
const running: WorkerProcess[] = [];
beforeAll(async () => {
  [rig, bench] = await Promise.all([openRig(), openBench()]);
}, 180_000);
afterEach(async () => {
  for (const worker of running.splice(0)) await worker.end('SIGKILL');
});
afterAll(async () => {
  await rig.close();
  await bench.close();
});

const start = async (env: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> => {
  const worker = await rig.startWorker(env);
  running.push(worker);
  return worker;
};
const kill = async (worker: WorkerProcess, signal: NodeJS.Signals): Promise<number | null> => {
  running.splice(running.indexOf(worker), 1);
  return worker.end(signal);
};

const scalarInput = { artifact: null, required: false, checkpointKey: true };

const nap = (value: number, steps = 12) => {
  const inputs = { steps, step_ms: 250, value };
  return { plan: planOf('naps', { nap: stepOf('test.sleep', inputs) }), call: callOf(bench, 'test.sleep', inputs) };
};

const checkpointAt = (key: string, step: number) =>
  until(
    async () => ((await newestCheckpoint(rig.store, key))?.step ?? 0) >= step,
    20_000,
    () => running.map((worker) => worker.log()).join('\n'),
  );

const resultOf = async (key: string): Promise<Result> => {
  const body = await rig.store.get(`results/${key}.json`);
  if (body === null) throw new Error('no result');
  return parseRecord('result', body, 'result');
};

const heartbeat = async (handle: {
  describe(): Promise<{ raw: { pendingActivities?: object[] | null } }>;
}): Promise<boolean> => {
  const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
  return pending !== undefined && 'lastHeartbeatTime' in pending && pending.lastHeartbeatTime !== null;
};

/** The last heartbeat of the run's step, once it holds a checkpoint and is beyond this step. */
async function pulseOf(
  handle: { describe(): Promise<{ raw: { pendingActivities?: PendingActivity[] | null } }> },
  beyond: number,
): Promise<PulseDetails | null> {
  const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
  const payload = pending?.heartbeatDetails?.payloads?.[0];
  if (payload === undefined) return null;
  const pulse = defaultPayloadConverter.fromPayload<PulseDetails>(payload);
  return (pulse.step ?? 0) > beyond && pulse.checkpointStep !== null ? pulse : null;
}

interface PendingActivity {
  heartbeatDetails?: { payloads?: Parameters<typeof defaultPayloadConverter.fromPayload>[0][] | null } | null;
}

/** A checkpoint is taken a moment before its record is written, and the ledger counts in whole milliseconds. */
const clockStepMs = 100;

const childrenOf = (pid: number): number[] => {
  try {
    return execFileSync('pgrep', ['-P', String(pid)])
      .toString()
      .split('\n')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
};

describe('a worker', () => {
  it('that is killed loses what came after its last checkpoint, no more, and the record says how much', async () => {
    const { plan, call } = nap(1, 20);
    plan.steps['nap'] = stepOf('test.sleep', call.inputs as Record<string, number>, {
      checkpoint: { everySteps: 6, everyMs: null, keepLast: 2 },
    });
    const first = await start();
    const handle = await rig.start(plan, 'killed');
    let seen: PulseDetails | null = null;
    await until(
      async () => (seen = await pulseOf(handle, 6)) !== null,
      30_000,
      () => first.log(),
    );
    const killedMs = Date.now();
    await kill(first, 'SIGKILL');
    const checkpoint = await newestCheckpoint(rig.store, call.checkpointKey);
    await start();
    await handle.result();
    const result = await resultOf(call.key);
    expect(result.resumedFrom).toBe(checkpoint?.step);
    expect(result.metrics).toEqual({ steps: 20, value: 1 });
    expect(readdirSync(join(rig.home, 'work'))).toHaveLength(1);
    // Done again: from the checkpoint to the last sign of life, which was no earlier than the one seen here.
    const keptMs = Date.parse(checkpoint?.createdAt ?? '');
    const { atMs = 0 } = seen as unknown as PulseDetails;
    const record = await readRun(rig.store, handle.workflowId, handle.firstExecutionRunId);
    const { recomputed = -1, waiting = -1 } = record?.lost['worker_lost'] ?? {};
    expect(Object.keys(record?.lost ?? {})).toEqual(['worker_lost']);
    expect(recomputed * 1000).toBeGreaterThanOrEqual(Math.max(0, atMs - keptMs) - clockStepMs);
    expect(recomputed * 1000).toBeLessThanOrEqual(killedMs - keptMs + clockStepMs);
    // Together with the waiting: from the checkpoint until the next attempt went on with it.
    expect((recomputed + waiting) * 1000).toBeGreaterThanOrEqual(Date.parse(result.startedAt) - keptMs - clockStepMs);
    expect((recomputed + waiting) * 1000).toBeLessThan(Date.parse(result.endedAt) - keptMs);
  });

  it('that is asked to stop checkpoints first, and the next one goes on at once', async () => {
    const { plan, call } = nap(2, 30);
    plan.steps['nap'] = stepOf(
      'test.sleep',
      { steps: 30, step_ms: 250, value: 2 },
      { checkpoint: { everySteps: 100, everyMs: null, keepLast: 1 } },
    );
    const first = await start();
    const handle = await rig.start(plan, 'stopped');
    await until(
      () => heartbeat(handle),
      20_000,
      () => first.log(),
    );
    expect(await kill(first, 'SIGTERM')).toBe(0);
    const stopped = (await newestCheckpoint(rig.store, call.checkpointKey))?.step ?? 0;
    expect(stopped).toBeGreaterThan(0);
    await start();
    await handle.result();
    expect((await resultOf(call.key)).resumedFrom).toBe(stopped);
  });

  it('keeps a checkpoint of what is cancelled', async () => {
    const { plan, call } = nap(3, 100);
    const worker = await start();
    const handle = await rig.start(plan, 'cancelled');
    await checkpointAt(call.checkpointKey, 1);
    await until(
      () => heartbeat(handle),
      20_000,
      () => worker.log(),
    );
    await handle.cancel();
    const error: unknown = await handle.result().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect((await newestCheckpoint(rig.store, call.checkpointKey))?.step).toBeGreaterThan(1);
  });

  it('that is too old for a step leaves it to a newer one, and says so', async () => {
    const old = await start();
    const inputs = { text: 'hello', times: 2 };
    // One attempt, of which the old worker uses up none.
    const retry = { attempts: 1, backoffMs: 100, maxBackoffMs: 500, for: null };
    const shout = stepOf('acme.shout', inputs, { retry });
    const plan = planOf('naps', { nap: stepOf('test.sleep', {}) });
    const kind = {
      ...{ version: 1, runs: 'worker' as const, seeded: false, checkpoints: false, environment: [] },
      inputs: Object.fromEntries(Object.keys(inputs).map((name) => [name, scalarInput])),
      ...{ outputs: { folder: 'folder' as const }, metrics: ['letters'] },
    };
    const handle = await rig.start({ ...plan, kinds: { 'acme.shout': kind }, steps: { shout } }, 'shout');
    const lastFailure = async () => (await handle.describe()).raw.pendingActivities?.[0];
    await until(
      async () => ((await lastFailure())?.attempt ?? 0) > 3,
      20_000,
      () => old.log(),
    );
    const said = (await lastFailure())?.lastFailure;
    expect(said?.applicationFailureInfo?.type).toBe('worker_outdated');
    expect(said?.message).toContain('has no step kind `acme.shout`');
    await kill(old, 'SIGTERM');
    await start({ PAWL_KINDS: join(repository, 'tests/fixtures/kinds/shout.json') });
    await handle.result();
    const record = await readRun(rig.store, handle.workflowId, handle.firstExecutionRunId);
    expect(record).toMatchObject({ state: 'done', metrics: {} });
    expect(record?.lost['worker_outdated']?.waiting).toBeGreaterThan(0);
  });

  it('takes its trainer with it when it is killed', async () => {
    const worker = await start();
    const inputs = {
      source: 'python-stdlib',
      text: 'words',
      limit: 50,
      dev: 0.1,
      test: 0.1,
      rl: 0.1,
      reasoning_terms: 2,
      reasoning_min_df: 0,
      pairs: false,
    };
    const handle = await rig.start(planOf('data', { corpus: stepOf('data.code-search', inputs) }), 'orphan');
    await until(
      () => childrenOf(worker.pid).length > 0,
      20_000,
      () => worker.log(),
    );
    const [trainer = 0] = childrenOf(worker.pid);
    await kill(worker, 'SIGKILL');
    await until(
      async () => !(await isAlive(trainer)),
      2_000,
      () => `the trainer ${trainer} is still there`,
    );
    await handle.terminate();
  });
});
