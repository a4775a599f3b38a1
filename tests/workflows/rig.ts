// Plans in a few words, a store in memory behind the local activities, and fake step activities: what the tests of
// workflows/ share. The keys are the real ones.
import { ApplicationFailure } from '@temporalio/common';
import type {
  ClickView,
  LocalActivities,
  NotifyInput,
  OpenLoopOutput,
  Placement,
  ResolveOutput,
  StepCall,
  StepOutcome,
} from '../../activities/calls.js';
import { deriveStep } from '../../schemas/derivation.js';
import type { FailureClass, GateNode, LoopNode, Node, Plan, PlanKind, StepNode } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { loopKey, planHash } from '../../schemas/identity.js';
import type { RootInput } from '../../workflows/interpreter.js';
import { createWorld } from '../../workflows/port-in-process.js';
import type { InProcessStep } from '../../workflows/in-process-steps.js';
import type { InProcessRun, World, WorldOptions } from '../../workflows/port-in-process.js';
import type { StatusView, StepView } from '../../workflows/status.js';

const kind = (runs: PlanKind['runs']): PlanKind => ({
  version: 1,
  runs,
  seeded: true,
  checkpoints: true,
  inputs: {
    from: { artifact: 'folder', required: false, checkpointKey: true },
    and: { artifact: 'folder', required: false, checkpointKey: true },
    value: { artifact: null, required: false, checkpointKey: true },
  },
  outputs: { out: 'folder' },
  metrics: ['value'],
  environment: [],
});

/** Kinds of the tests: `test.work` on the worker, `test.train` in a trainer's slot. */
export const kinds: Plan['kinds'] = { 'test.work': kind('worker'), 'test.train': kind('trainer') };

/** An expression of the plan. */
export const expr = (source: string): { $expr: string } => ({ $expr: source });

/** The output of a step. */
export const out = (step: string): { $expr: string } => expr(`steps.${step}.outputs.out`);

/** A step of kind test.work, unless said otherwise. */
export const step = (given: Partial<StepNode> = {}): StepNode => ({
  node: 'step',
  uses: 'test.work',
  with: {},
  deps: [],
  if: null,
  else: null,
  cache: true,
  failFast: false,
  retry: { attempts: 1, backoffMs: 100, maxBackoffMs: 1000, for: null },
  timeoutMs: null,
  deadlineMs: null,
  checkpoint: { everySteps: null, everyMs: null, keepLast: 2 },
  resources: { gpus: 0, labels: [] },
  summary: '',
  ...given,
});

/** A loop. */
export const loop = (given: Partial<LoopNode> & Pick<LoopNode, 'max' | 'carry' | 'steps'>): LoopNode => ({
  node: 'loop',
  deps: [],
  if: null,
  else: null,
  until: null,
  commit: 1,
  keep: { last: 2, every: null, best: null },
  summary: '',
  ...given,
});

/** A gate. */
export const gate = (sources: string[], given: Partial<GateNode> = {}): GateNode => ({
  node: 'gate',
  deps: [],
  if: null,
  assert: sources.map((source) => ({ expression: expr(source), source })),
  approve: null,
  summary: '',
  ...given,
});

/** A loop with one step, `work`, that passes a folder on and measures the index of the iteration. */
export const countingLoop = (given: Partial<LoopNode> = {}): LoopNode =>
  loop({
    max: 4,
    carry: { at: { artifact: 'folder', type: 'folder', init: null, next: out('work') } },
    steps: { work: step({ with: { value: expr('iter.index'), from: expr('carry.at') } }) },
    ...given,
  });

/** A plan of these steps. */
export const planOf = (steps: Record<string, Node>, given: Partial<Plan> = {}): Plan => ({
  irVersion: 1,
  expressions: 'cel-js@8.0.0',
  name: 'pipe',
  seed: 7,
  params: {},
  kinds,
  steps,
  outputs: {},
  metrics: {},
  ...given,
});

export const placement: Placement = {
  workflowQueue: 'pawl',
  trainers: [
    { queue: 'small', gpus: 0, labels: [] },
    { queue: 'big', gpus: 8, labels: ['h200'] },
  ],
};

/** The input of the root for a plan by value. */
export const inputFor = (plan: Plan, given: Partial<RootInput> = {}): RootInput => ({
  plan,
  planHash: planHash(plan),
  placement,
  storeId: 'memory',
  features: { searchAttributes: true },
  gitCommit: 'abc',
  mlflow: null,
  ...given,
});

/** The store of a test: results by key, clicks by loop, records in order of writing. */
export interface MemoryStore {
  results: Map<string, StepOutcome>;
  clicks: Map<string, ClickView[]>;
  /** Indices of clicks whose carry is gone, by loop. */
  pruned: Set<number>;
  /** Calls still to be answered `held`, by path. */
  held: Map<string, number>;
  /** Steps of checkpoints, by path. */
  checkpoints: Map<string, number>;
  records: { record: RunRecord; final: boolean }[];
  plans: Map<string, Plan>;
  /** What somebody was told, in order. */
  told: NotifyInput[];
}

export const emptyStore = (): MemoryStore => ({
  results: new Map(),
  clicks: new Map(),
  pruned: new Set(),
  held: new Map(),
  checkpoints: new Map(),
  records: [],
  plans: new Map(),
  told: [],
});

const heldForMs = 5_000;

/** The local activities on a store in memory. */
export function localOn(store: MemoryStore): LocalActivities {
  const clicksOf = (key: string): ClickView[] => store.clicks.get(key) ?? [];
  return {
    loadPlan: async ({ planHash: hash }) => {
      const plan = store.plans.get(hash);
      if (plan === undefined) throw ApplicationFailure.nonRetryable(`no plan ${hash}`, 'data');
      return plan;
    },
    resolve: async ({ path, uses, kind: declared, inputs, runSeed, indices, cache }): Promise<ResolveOutput> => {
      const { key, checkpointKey, seed } = deriveStep({
        kindName: uses,
        kind: declared,
        inputs,
        runSeed,
        indices,
        environment: {},
      });
      const held = store.held.get(path) ?? 0;
      if (held > 0) {
        store.held.set(path, held - 1);
        return { state: 'held', key, reason: 'another run makes it', retryAfterMs: heldForMs };
      }
      const outcome = store.results.get(key);
      if (outcome !== undefined && cache) {
        const cached = { ...outcome, lost: {}, saved: outcome.seconds };
        return { state: 'cached', key, reason: 'committed', outcome: cached };
      }
      const checkpointStep = store.checkpoints.get(path) ?? null;
      if (checkpointStep !== null)
        return { state: 'resumable', key, checkpointKey, seed, reason: 'goes on', checkpointStep };
      return { state: 'run', key, checkpointKey, seed, reason: 'never made', checkpointStep };
    },
    openLoop: async ({ identity, max }): Promise<OpenLoopOutput> => {
      const key = loopKey(identity);
      const below = clicksOf(key).filter(({ index }) => index < max);
      const newest = below.filter(({ index }) => !store.pruned.has(index)).at(-1) ?? null;
      const history = below.filter(({ index }) => newest !== null && index <= newest.index);
      return {
        loopKey: key,
        newest,
        history: history.map(({ index, metrics }) => ({ index, metrics, restorable: !store.pruned.has(index) })),
      };
    },
    loadClick: async ({ loopKey: key, index }) =>
      store.pruned.has(index) ? null : (clicksOf(key).find((click) => click.index === index) ?? null),
    commitClick: async ({ loopKey: key, click: { index, carry, metrics } }) => {
      const standing = clicksOf(key).find((click) => click.index === index);
      if (standing !== undefined) return standing;
      const click = { index, carry, metrics };
      store.clicks.set(key, [...clicksOf(key), click]);
      return click;
    },
    recordRun: async (entry) => {
      store.records.push(entry);
    },
    notify: async (input) => {
      store.told.push(input);
      return { warning: null };
    },
  };
}

/** The outcome of a call: one artifact under the call's key, and its input `value` as metric. */
export const outcomeOf = (call: StepCall, given: Partial<StepOutcome> = {}): StepOutcome => ({
  key: call.key,
  outputs: { out: { $artifact: { key: call.key, output: 'out', type: 'folder' } } },
  metrics: { value: typeof call.inputs['value'] === 'number' ? call.inputs['value'] : 1 },
  seconds: 1,
  attempts: 1,
  resumedFrom: null,
  hostQueue: null,
  ...given,
});

/** A failure as an activity throws it. */
export const failWith = (type: FailureClass, message = 'asked to fail', nonRetryable = true): never => {
  throw ApplicationFailure.create({ type, message, nonRetryable });
};

export interface Bench {
  store: MemoryStore;
  /** What the workflows call; may be replaced one by one. */
  local: LocalActivities;
  world: World;
  /** Calls in the order in which they began. */
  calls: { path: string; queue: string; at: number; call: StepCall }[];
  start(plan: Plan, given?: Partial<RootInput>): InProcessRun;
  /** Starts a run and lets it end. */
  run(plan: Plan, given?: Partial<RootInput>): Promise<unknown>;
  paths(): string[];
}

/** A world with a store in memory. `behave` is what every step does besides being committed; default: takes a second. */
export function benchOf(
  behave: InProcessStep = takesASecond,
  options: Partial<WorldOptions> & { store?: MemoryStore } = {},
): Bench {
  const store = options.store ?? emptyStore();
  const calls: Bench['calls'] = [];
  const committed: InProcessStep = async (call, host) => {
    calls.push({ path: call.path, queue: host.queue, at: host.now(), call });
    const outcome = await behave(call, host);
    if (outcome.host === undefined) store.results.set(call.key, outcome);
    return outcome;
  };
  const local = localOn(store);
  const world = createWorld({
    activities: { 'test.work': committed, 'test.train': committed, 'test.part': committed },
    local,
    startAt: 0,
    ...options,
  });
  const start = (plan: Plan, given: Partial<RootInput> = {}): InProcessRun => {
    store.plans.set(planHash(plan), plan);
    return world.start('pipe/run', inputFor(plan, given));
  };
  return {
    store,
    local,
    world,
    calls,
    start,
    run: (plan, given) => world.finish(start(plan, given)),
    paths: () => calls.map(({ path }) => path),
  };
}

/** A step that takes a virtual second. */
export const takesASecond: InProcessStep = async (call, host) => {
  await host.sleep(1_000);
  return outcomeOf(call);
};

/** What the status query of a run says. */
export const statusOf = (run: InProcessRun | undefined): StatusView => run?.query('status') as StatusView;

/** State and reason of a step. */
export function stepOf(run: InProcessRun | undefined, path: string): Pick<StepView, 'state' | 'reason'> {
  const view = statusOf(run).steps.find((one) => one.path === path);
  if (view === undefined) throw new Error(`no step ${path}`);
  return { state: view.state, reason: view.reason };
}

/** What a run failed with. */
export async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await result.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof ApplicationFailure) return error;
  throw error;
}
