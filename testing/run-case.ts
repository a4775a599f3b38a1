// One case: the real interpreter on the port in one process, from the start of the run to its end in virtual time.
import { CancelledFailure } from '@temporalio/common';
import type { Placement } from '../activities/calls.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Span } from '../compiler/authored.js';
import { planHash } from '../schemas/identity.js';
import { updates } from '../workflows/control-names.js';
import { createWorld } from '../workflows/port-in-process.js';
import type { InProcessRun, World } from '../workflows/port-in-process.js';
import type { RunResult } from '../workflows/record.js';
import type { StatusView } from '../workflows/status.js';
import type { CaseScript } from './case-script.js';
import { declarationOf } from './declaration.js';
import { decisionFor } from './case-script.js';
import { cachedByFakes, fakeActivities } from './fake-steps.js';
import type { FakeWorld } from './fake-steps.js';
import { placeOfFake } from './fakes.js';
import { localOn } from './memory-store.js';
import type { MemoryStore } from './memory-store.js';
import { neededMetrics } from './needed-metrics.js';
import { createObserver } from './observed.js';
import type { EndState, Observed, Observer } from './observed.js';
import { findTarget, genericPath } from './paths.js';
import type { Nodes, Target } from './paths.js';

export interface CaseRun {
  observed: Observed;
  /** What the fakes lack or got wrong, with the place of the fake; null = the place of the case. */
  problems: { span: Span | null; message: string; hint: string | null }[];
}

/** Runs a case in a store, which it changes. Deterministic; takes no time but that of the machine. */
export async function runCase(name: string, plan: Plan, script: CaseScript, store: MemoryStore): Promise<CaseRun> {
  const needed = neededMetrics(plan);
  const fakeWorld: FakeWorld = { plan, fakes: script.fakes, store, needed, attempts: new Map(), problems: [] };
  const observer = createObserver(plan);
  const world = createWorld({
    activities: fakeActivities(fakeWorld),
    local: localOn(store, plan, cachedByFakes(fakeWorld)),
    onShow: (status) => observer.see(status),
  });
  const startedAt = world.clock.now();
  const run = world.start(`${plan.name}/${name}`, {
    plan,
    planHash: planHash(plan),
    placement: placementFor(plan),
    storeId: 'test',
    features: { searchAttributes: false },
    gitCommit: null,
    mlflow: null,
  });
  follow(world, run, observer, script);
  const { state, result } = await end(world, run);
  const status = run.query('status') as StatusView;
  const observed: Observed = {
    state,
    tookMs: (status.endedAt ?? world.clock.now()) - startedAt,
    steps: observer.steps(fakeWorld.attempts),
    iterations: observer.iterations,
    waited: [...observer.waited],
    outputs: result.outputs,
    metrics: result.metrics,
    failures: status.failures,
    store,
  };
  return { observed, problems: [...fakeWorld.problems, ...missingMetrics(fakeWorld, observed)] };
}

/** Does what the case asks for: decisions when gates begin to wait, the rest at its time. */
function follow(world: World, run: InProcessRun, observer: Observer, script: CaseScript): void {
  const { clock } = world;
  const { cancelAtMs, pause } = script;
  observer.onWaiting(({ path, workflowId }) => {
    const decision = decisionFor(script, path);
    if (decision === null) return;
    const { by, note, verdict } = decision;
    clock.after(decision.afterMs, () => {
      quietly(() => world.get(workflowId)?.update(updates[verdict], { by, note, path }));
    });
  });
  if (cancelAtMs !== null) clock.after(cancelAtMs, () => run.cancel());
  if (pause === null) return;
  clock.after(pause.atMs, () => {
    quietly(() => run.update(updates.pause, { now: pause.now, by: 'test' }));
    if (pause.forMs !== null) clock.after(pause.forMs, () => quietly(() => run.update(updates.unpause, null)));
  });
}

/** A request that comes too late is refused, as it would be in a real run. */
function quietly(request: () => unknown): void {
  try {
    request();
  } catch {
    // The state at the end shows that it was refused.
  }
}

const nothing: RunResult = { outputs: {}, metrics: {} };

async function end(world: World, run: InProcessRun): Promise<{ state: EndState; result: RunResult }> {
  try {
    return { state: 'succeeded', result: (await world.finish(run)) as RunResult };
  } catch (error) {
    if (error instanceof CancelledFailure) return { state: 'cancelled', result: nothing };
    const { state } = run.query('status') as StatusView;
    if (state === 'failed') return { state: 'failed', result: nothing };
    if (state === 'gate_failed') return { state: 'gate-failed', result: nothing };
    if (state === 'paused') return { state: 'paused', result: nothing };
    throw error;
  }
}

/** One trainer that offers whatever the plan asks for: where things run is not what a case is about. */
function placementFor({ steps }: Plan): Placement {
  const labels = new Set<string>();
  let gpus = 0;
  const visit = (nodes: Nodes): void => {
    for (const node of Object.values(nodes)) {
      if (node.node === 'loop') visit(node.steps);
      if (node.node !== 'step') continue;
      gpus = Math.max(gpus, node.resources.gpus);
      for (const label of node.resources.labels) labels.add(label);
    }
  };
  visit(steps);
  return { workflowQueue: 'test', trainers: [{ queue: 'test-trainer', gpus, labels: [...labels] }] };
}

/** Metrics that an expression needed and no fake gave, behind failures of class expression. */
function missingMetrics({ plan, needed, fakes }: FakeWorld, { failures, steps }: Observed): CaseRun['problems'] {
  const problems = new Map<string, CaseRun['problems'][number]>();
  for (const { class: name, path } of failures) {
    const reader = findTarget(plan.steps, path);
    // Without its metric no cell is the best: class data.
    if (name !== (reader?.node.node === 'matrix' ? 'data' : 'expression')) continue;
    for (const { step, metric } of needed.of(reader === null ? path : genericPath(reader))) {
      const lacking = steps.find(
        ({ target, view }) =>
          genericPath(target) === step &&
          (view.state === 'done' || view.state === 'cached') &&
          declarationOf(plan, target)?.metrics.includes(metric) === true &&
          !Object.hasOwn(view.metrics, metric),
      );
      if (lacking === undefined) continue;
      const by = readerWords(reader);
      const asWritten = fannedOut(plan.steps, step);
      problems.set(`${asWritten} ${metric}`, {
        span: placeOfFake(fakes, lacking.target),
        message: `${by} the metric \`${metric}\` of \`${asWritten}\`, and no fake gives it`,
        hint: `under \`steps\` of the case, or of the file: ${asWritten}: { metrics: { ${metric}: 0.5 } }`,
      });
    }
  }
  return [...problems.values()];
}

function readerWords(reader: Target | null): string {
  if (reader === null) return 'what the run hands out reads';
  return `\`${genericPath(reader)}\` ${reader.node.node === 'matrix' ? 'picks its best cell by' : 'reads'}`;
}

/** A cell as the file names it: its step. */
function fannedOut(nodes: Nodes, path: string): string {
  const cell = findTarget(nodes, path);
  return cell?.matrix == null ? path : path.slice(0, path.lastIndexOf('['));
}
