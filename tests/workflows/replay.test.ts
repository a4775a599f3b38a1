// Recorded histories replay: a change of workflows/ that alters the commands of a run under way shows here, and needs an
// entry in workflows/patches.ts. To record the ones that are missing, run
//   PAWL_RECORD_HISTORIES=1 npx vitest run tests/workflows/replay.test.ts
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import { queries, updates } from '../../workflows/control-names.js';
import { patches } from '../../workflows/patches.js';
import type { StatusView } from '../../workflows/status.js';
import { quiet, startTemporal } from '../support/temporal-server.js';
import {
  askingPlan,
  behindPlan,
  failingPlan,
  fivePlan,
  forkedPlan,
  heldPlan,
  loopPlan,
  matrixPlan,
  nestedPlan,
  notifyingPlan,
  brokenShardPlan,
  shardedPlan,
  volatilePlan,
} from './recorded-plans.js';
import { emptyStore, failWith, outcomeOf } from './rig.js';
import { startRun, untilCancelled, withWorkers } from './workers.js';
import type { FakeStep, VolatileHost } from './workers.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = join(root, 'tests', 'histories');
const logger = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

interface Recorded {
  workflowId: string;
  history: unknown;
}

type Run = Awaited<ReturnType<typeof startRun>>;
/** What a person does while the run is recorded. */
type During = (run: Run) => Promise<unknown>;

/** File -> the plan that is run and the workflow whose first history is kept. */
const recordings: Record<
  string,
  { plan: Plan; workflowId: string; freshSteps?: boolean; volatile?: boolean; shards?: boolean; during?: During }
> = {
  'five-steps': { plan: fivePlan, workflowId: 'five' },
  'loop-root': { plan: loopPlan, workflowId: 'loop' },
  'loop-continued': { plan: loopPlan, workflowId: 'loop/rl' },
  'two-failures': { plan: failingPlan, workflowId: 'failing' },
  'five-fresh': { plan: fivePlan, workflowId: 'five-fresh', freshSteps: true },
  'loop-fresh': { plan: loopPlan, workflowId: 'loop-fresh/rl', freshSteps: true },
  'loop-fresh-root': { plan: loopPlan, workflowId: 'loop-fresh', freshSteps: true },
  matrix: { plan: matrixPlan, workflowId: 'matrix', freshSteps: true },
  'nested-loops': { plan: nestedPlan, workflowId: 'nested/outer', freshSteps: true },
  'nested-loops-root': { plan: nestedPlan, workflowId: 'nested', freshSteps: true },
  notified: { plan: notifyingPlan, workflowId: 'notified', freshSteps: true },
  'paused-approved': { plan: askingPlan, workflowId: 'paused', freshSteps: true, during: pauseAndApprove },
  rejected: { plan: askingPlan, workflowId: 'rejected', freshSteps: true, during: reject },
  'paused-now': { plan: heldPlan, workflowId: 'paused-now', freshSteps: true, during: pauseNow },
  'loop-forked': { plan: forkedPlan, workflowId: 'forked/rl', freshSteps: true },
  'loop-forked-root': { plan: forkedPlan, workflowId: 'forked', freshSteps: true },
  'loop-rewound': { plan: volatilePlan, workflowId: 'rewound/rl', freshSteps: true, volatile: true },
  'loop-behind': { plan: behindPlan, workflowId: 'behind/rl', freshSteps: true, volatile: true },
  'loop-behind-root': { plan: behindPlan, workflowId: 'behind', freshSteps: true, volatile: true },
  'loop-rewound-root': { plan: volatilePlan, workflowId: 'rewound', freshSteps: true, volatile: true },
  sharded: { plan: shardedPlan, workflowId: 'sharded', freshSteps: true, shards: true },
  'sharded-failed': { plan: brokenShardPlan, workflowId: 'sharded-failed', freshSteps: true, shards: true },
  cancelled: {
    plan: heldPlan,
    workflowId: 'cancelled',
    freshSteps: true,
    during: (run) => stopped(run).then(() => run.cancel()),
  },
};

let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  quiet();
  bundle = await bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'index.ts'), logger });
  if (process.env['PAWL_RECORD_HISTORIES'] === '1') await record();
});

describe('recorded histories', () => {
  it('are those of the recordings, no more and no fewer', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(recordings)
        .map((name) => `${name}.json`)
        .sort(),
    );
  });

  it.each(Object.keys(recordings))('%s replays', async (name) => {
    const { workflowId, history } = readRecorded(name);
    await Worker.runReplayHistory({ workflowBundle: bundle }, history, workflowId);
  });

  it('do not replay when a step of the plan is another one', async () => {
    const { workflowId, history } = readRecorded('five-steps');
    const other = JSON.parse(JSON.stringify(history).replaceAll('"activityId":"d"', '"activityId":"x"')) as unknown;
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, other, workflowId)).rejects.toThrow(
      /[Nn]ondeterminism|mismatch|does not match/,
    );
  });

  it('name nothing of the machine that recorded them', () => {
    const telling = /"stackTrace": "[^"]|\/home\/|\/tmp\/|\/work\/|"identity": "\d/;
    const names = Object.keys(recordings).filter((name) =>
      telling.test(readFileSync(join(folder, `${name}.json`), 'utf8')),
    );
    expect(names).toEqual([]);
  });
});

describe('patches', () => {
  it('have ids of their own', () => {
    expect(new Set(patches.map(({ id }) => id)).size).toBe(patches.length);
  });

  it('are registered, and each has a history that takes the old branch: patch-<id>.json', () => {
    const sources = readdirSync(join(root, 'workflows')).map((name) =>
      readFileSync(join(root, 'workflows', name), 'utf8'),
    );
    expect(
      patchProblems(
        sources,
        patches.map(({ id }) => id),
        readdirSync(folder),
      ),
    ).toEqual([]);
    const offence = ["if (patched('new-order')) a();", "deprecatePatch('old')"];
    expect(patchProblems(offence, ['old', 'idle'], ['patch-old.json'])).toEqual([
      'new-order is not registered in workflows/patches.ts',
      'idle has no tests/histories/patch-idle.json',
      'idle is used nowhere',
    ]);
  });
});

/** What is wrong with the patches of these sources. */
function patchProblems(sources: string[], registered: string[], histories: string[]): string[] {
  const used = sources.flatMap((text) =>
    [...text.matchAll(/\b(?:patched|deprecatePatch)\(\s*['"`]([^'"`]+)/g)].flatMap(([, id]) =>
      id === undefined ? [] : [id],
    ),
  );
  return [
    ...used.filter((id) => !registered.includes(id)).map((id) => `${id} is not registered in workflows/patches.ts`),
    ...registered
      .filter((id) => !histories.includes(`patch-${id}.json`))
      .map((id) => `${id} has no tests/histories/patch-${id}.json`),
    ...registered.filter((id) => !used.includes(id)).map((id) => `${id} is used nowhere`),
  ];
}

const readRecorded = (name: string): Recorded =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recorded;

const behave = (): FakeStep => {
  let isHeld = false;
  return async (call, context) => {
    if (call.path.startsWith('bad')) failWith('data', `no ${call.path}`);
    if (call.path !== 'held' || isHeld) return outcomeOf(call);
    isHeld = true;
    return untilCancelled(call, context);
  };
};

/** What `behave` makes, held by a host that loses it once, in the fifth iteration; a step that reads what is lost says so. */
function losing(inner: FakeStep): { host: VolatileHost; behave: FakeStep } {
  const made = new Set<string>();
  const lost = new Set<string>();
  const behaving: FakeStep = async (call, context) => {
    if (call.path === 'rl[4].work' && lost.size === 0) for (const key of made) lost.add(key);
    const { from } = call.inputs as { from?: { $artifact?: { key: string; volatile?: string } } | null };
    if (from?.$artifact?.volatile !== undefined && lost.delete(from.$artifact.key))
      failWith('volatile_lost', 'it is gone');
    const outcome = await inner(call, context);
    if (call.volatile === undefined) return outcome;
    made.add(call.key);
    const ref = { key: call.key, output: 'out', type: 'folder' as const, volatile: 'h' };
    return { ...outcome, host: 'h', outputs: { out: { $artifact: ref } } };
  };
  return { behave: behaving, host: { commit: () => Promise.resolve() } };
}

async function until(run: Run, holds: (status: StatusView) => boolean): Promise<void> {
  while (!holds(await run.query<StatusView>(queries.status))) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function pauseAndApprove(run: Run): Promise<void> {
  await until(run, ({ approvals }) => approvals.length === 1);
  await run.executeUpdate(updates.pause, { args: [{ now: false, by: 'ann' }] });
  await run.executeUpdate(updates.approve, { args: [{ by: 'ann', note: 'fine' }] });
  await until(run, ({ steps }) => steps.some(({ reason }) => reason === 'the run is paused'));
  await run.executeUpdate(updates.unpause, { args: [null] });
}

async function reject(run: Run): Promise<void> {
  await until(run, ({ approvals }) => approvals.length === 1);
  await run.executeUpdate(updates.reject, { args: [{ by: 'ann', note: 'too low' }] });
}

/** Waits until the step that goes on until it is stopped runs. */
const stopped = (run: Run): Promise<void> => until(run, ({ steps }) => steps[0]?.state === 'running');

async function pauseNow(run: Run): Promise<void> {
  await stopped(run);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await run.executeUpdate(updates.pause, { args: [{ now: true }] });
  await until(run, ({ steps }) => steps[0]?.state === 'waiting');
  await run.executeUpdate(updates.unpause, { args: [null] });
}

async function record(): Promise<void> {
  const missing = Object.entries(recordings).filter(([name]) => !existsSync(join(folder, `${name}.json`)));
  const server = await startTemporal({ dynamicConfig: ['limit.historyCount.suggestContinueAsNew=45'] });
  try {
    for (const [, { plan, workflowId, freshSteps = false, volatile = false, shards = false, during }] of missing) {
      // The workflow of a loop is recorded with its root.
      if (workflowId.includes('/')) continue;
      const store = emptyStore();
      const held = losing(behave());
      const steps = volatile ? { behave: held.behave, volatile: held.host } : { behave: behave() };
      await withWorkers(server, { bundle, store, ...steps }, async () => {
        const asked = { ...(volatile ? { volatile } : {}), ...(shards ? { shards } : {}) };
        const features = { searchAttributes: true, freshSteps, ...asked };
        const handle = await startRun(server, store, plan, workflowId, { features });
        await during?.(handle);
        await handle.result().catch(() => undefined);
      });
    }
    for (const [name, { workflowId }] of missing) {
      const history = JSON.parse(historyToJSON(await firstHistory(server.client, workflowId))) as unknown;
      const recorded = { workflowId, history: withoutStacks(history) };
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(recorded, null, 1)}\n`);
    }
  } finally {
    await server.stop();
  }
}

/** The history of the first execution of the chain. */
async function firstHistory({ workflow }: Awaited<ReturnType<typeof startTemporal>>['client'], workflowId: string) {
  const last = await workflow.getHandle(workflowId).fetchHistory();
  const first = last.events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? undefined;
  return workflow.getHandle(workflowId, first).fetchHistory();
}

/** Stack traces name folders of the machine; replay does not read them. */
const withoutStacks = (history: unknown): unknown =>
  JSON.parse(JSON.stringify(history, (key, value: unknown) => (key === 'stackTrace' ? '' : value)));
