// The activity of every step kind in a test: waits as long as the fake says, fails as it says, and commits made-up outputs
// with the metrics that it gives. Attempts are counted as by a worker: those without a newer checkpoint.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ArtifactRef, ResolveInput, StepCall, StepOutcome } from '../activities/calls.js';
import type { Span } from '../compiler/authored.js';
import type { Plan, PlanKind } from '../schemas/generated/plan.js';
import { failure, finalClasses } from '../workflows/failure.js';
import { timeIsOver } from '../workflows/in-process-steps.js';
import type { InProcessStep, StepHost } from '../workflows/in-process-steps.js';
import { declarationOf } from './declaration.js';
import { fakeOf } from './fakes.js';
import type { Fake, FakedStep, FakeFailure } from './fakes.js';
import type { CachedByCase, MemoryStore } from './memory-store.js';
import { noteMaker } from './memory-store.js';
import { MetricError, metricValue } from './metric-fakes.js';
import type { FakeScope, MetricFake } from './metric-fakes.js';
import type { NeededMetrics } from './needed-metrics.js';
import { findTarget, genericPath } from './paths.js';
import type { Nodes, Target } from './paths.js';

export interface FakeWorld {
  plan: Plan;
  fakes: readonly Fake[];
  store: MemoryStore;
  needed: NeededMetrics;
  /** Attempts by path. */
  attempts: Map<string, number>;
  /** Fakes that could not be computed, with the place of each. */
  problems: { span: Span; message: string; hint: string | null }[];
}

/** The activity for every kind of the plan. */
export function fakeActivities(world: FakeWorld): Record<string, InProcessStep> {
  // Attempts in a row that left no newer checkpoint, by path.
  const fruitless = new Map<string, number>();
  const activity: InProcessStep = (call, host) => runFake(world, fruitless, call, host);
  return Object.fromEntries(usedKinds(world.plan.steps).map((kind) => [kind, activity]));
}

const usedKinds = (nodes: Nodes): string[] =>
  Object.values(nodes).flatMap((node) =>
    node.node === 'step' ? [node.uses] : node.node === 'loop' ? usedKinds(node.steps) : [],
  );

/** The results of steps that a fake calls cached. */
export const cachedByFakes =
  (world: FakeWorld): CachedByCase =>
  ({ path, inputs, kind }: ResolveInput, key) => {
    const { target, fake } = fakedStep(world, path);
    return fake.cached ? outcomeOf(world, target, fake, { inputs, key, outputs: kind.outputs }) : null;
  };

function fakedStep({ plan, fakes }: FakeWorld, path: string): { target: Target; fake: FakedStep } {
  const target = findTarget(plan.steps, path);
  if (target === null) throw new Error(`Internal error: the plan has no step ${path}`);
  return { target, fake: fakeOf(fakes, target) };
}

async function runFake(
  world: FakeWorld,
  fruitless: Map<string, number>,
  call: StepCall,
  host: StepHost,
): Promise<StepOutcome> {
  const { store, attempts } = world;
  const { target, fake } = fakedStep(world, call.path);
  const attempt = (attempts.get(call.path) ?? 0) + 1;
  attempts.set(call.path, attempt);
  // Asked anew after a pause, a step has all its attempts again.
  const used = (host.attempt === 1 ? 0 : (fruitless.get(call.path) ?? 0)) + 1;
  fruitless.set(call.path, used);
  const kind = declarationOf(world.plan, target);
  const startedAt = host.now();
  const kept = store.kept.get(call.checkpointKey) ?? 0;
  const leftMs = Math.max(0, fake.takesMs - kept);
  const keep = (workedMs: number): void => {
    if (workedMs > 0) store.kept.set(call.checkpointKey, kept + workedMs);
  };
  const failing = failureAt(fake.fails, attempt);
  try {
    await host.sleep(failing === null ? leftMs : (failing.afterMs ?? leftMs));
  } catch (error) {
    const workedMs = host.now() - startedAt;
    // Asked to stop, a trainer writes one more checkpoint; when its time is over, nobody waits for that.
    if (host.stop.reason === timeIsOver) keep(keptByPolicy(kind, call, workedMs));
    else if (error instanceof CancelledFailure && kind?.checkpoints === true) keep(workedMs);
    throw error;
  }
  if (failing !== null) {
    const keptMs = failing.keptMs ?? keptByPolicy(kind, call, host.now() - startedAt);
    if (keptMs > 0) {
      keep(keptMs);
      fruitless.set(call.path, 0);
    }
    throw failureOf(failing, call, { used, progressed: keptMs > 0 });
  }
  const made = outcomeOf(world, target, fake, call);
  const outcome = { ...made, seconds: (host.now() - startedAt) / 1000, attempts: attempt };
  store.results.set(call.key, outcome);
  noteMaker(store, call.key, call.path);
  return outcome;
}

/** The failure of the n-th attempt, from 1; null when it succeeds. */
function failureAt(failures: readonly FakeFailure[], attempt: number): FakeFailure | null {
  let before = 0;
  for (const failure of failures) {
    before += failure.times;
    if (attempt <= before) return failure;
  }
  return null;
}

/** What a checkpoint each so often has kept of the time that was worked. */
function keptByPolicy(kind: PlanKind | null, { checkpoint: { everyMs } }: StepCall, workedMs: number): number {
  if (kind?.checkpoints !== true || everyMs === null) return 0;
  return Math.floor(workedMs / everyMs) * everyMs;
}

function failureOf(
  failing: FakeFailure,
  { path, retry }: StepCall,
  { used, progressed }: { used: number; progressed: boolean },
): ApplicationFailure {
  const counted = progressed ? 0 : used;
  const isRetried = !finalClasses(retry.for).includes(failing.class) && counted < retry.attempts;
  const pauseMs = Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** Math.max(0, counted - 1));
  return ApplicationFailure.create({
    type: failing.class,
    message: failing.message,
    details: [{ path, attempts: used }],
    nonRetryable: !isRetried,
    ...(isRetried ? { nextRetryDelay: pauseMs } : {}),
  });
}

/**
 * Made-up outputs, and the metrics that the fake gives. Of the others those that an expression needs are left out, so that
 * it fails by name; the rest are null, as not measured.
 */
function outcomeOf(
  { plan, needed, problems }: FakeWorld,
  target: Target,
  fake: FakedStep,
  step: Pick<StepCall, 'inputs' | 'key' | 'outputs'>,
): StepOutcome {
  const kind = declarationOf(plan, target);
  const index = target.indices.at(-2) ?? null;
  const scope = {
    params: plan.params,
    inputs: step.inputs,
    matrix: target.matrix,
    iter: index === null ? null : { index },
  };
  const unmeasured = (kind?.metrics ?? []).filter((name) => !needed.has(genericPath(target), name));
  const metrics: Record<string, number | null> = Object.fromEntries(unmeasured.map((name) => [name, null]));
  for (const [name, metric] of Object.entries(fake.metrics)) metrics[name] = computed(problems, metric, scope);
  const outputs = Object.entries(step.outputs).map(([output, type]): [string, ArtifactRef] => [
    output,
    { $artifact: { key: step.key, output, type } },
  ]);
  return {
    outputs: Object.fromEntries(outputs),
    metrics,
    seconds: 0,
    attempts: 1,
    resumedFrom: null,
    hostQueue: null,
  };
}

function computed(problems: FakeWorld['problems'], metric: MetricFake, scope: FakeScope): number | null {
  try {
    return metricValue(metric, scope);
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    problems.push({ span: error.span, message: error.message, hint: null });
    throw failure('expression', `a fake of the test cannot be computed: ${error.message}`);
  }
}
