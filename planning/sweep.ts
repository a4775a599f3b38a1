// What a sweep would do: its trials, and which steps all of them share because nothing swept enters their keys.
import { referencesOfValue } from '../expressions/value-references.js';
import type { Node, Plan } from '../schemas/generated/plan.js';
import type { Sweep } from '../schemas/generated/plan-report.js';
import { estimatesOf } from './estimates.js';
import type { Estimating } from './estimates.js';
import type { PlannedStep } from './planned-step.js';

/** Steps that run, by whether a swept param decides what they compute: itself, or through what they read. In order. Pure. */
export function prefixOf(plan: Plan): { shared: string[]; perTrial: string[] } {
  const { sweep, steps } = plan;
  const swept = new Set([...Object.keys(sweep?.parameters ?? {}), ...(sweep?.asha == null ? [] : [sweep.asha.param])]);
  const dependent = new Set<string>();
  const isDependent = (node: Node): boolean =>
    readsOf(node).some(
      ([root, name = '']) => (root === 'params' && swept.has(name)) || (root === 'steps' && dependent.has(name)),
    );
  // A step may stand before what it reads.
  for (let before = -1; before < dependent.size;) {
    before = dependent.size;
    for (const [name, node] of Object.entries(steps)) if (isDependent(node)) dependent.add(name);
  }
  const running = Object.keys(steps).filter((name) => ['step', 'loop'].includes(steps[name]?.node ?? ''));
  return {
    shared: running.filter((name) => !dependent.has(name)),
    perTrial: running.filter((name) => dependent.has(name)),
  };
}

/** Every param and outer step that a node reads anywhere, as [root, name]; cells of a matrix among them. */
function readsOf(node: Node): [string, string | undefined][] {
  const { deps, ...rest } = node;
  const cells = node.node === 'matrix' ? deps.map((dep): [string, string] => ['steps', dep]) : [];
  const references = referencesOfValue(rest).map(({ path: [root = '', name] }): [string, string | undefined] => [
    root,
    name,
  ]);
  return [...references, ...cells];
}

/** The totals of the plan's sweep; null when it has none. Reads records for the estimates. */
export async function sweepOf(estimating: Estimating, planned: readonly PlannedStep[]): Promise<Sweep | null> {
  const { sweep } = estimating.plan;
  if (sweep === undefined) return null;
  const { method, trials, concurrency } = sweep;
  const { shared: constant, perTrial } = prefixOf(estimating.plan);
  // What is skipped whatever is swept is skipped in all trials.
  const skipped = planned.filter(({ state }) => state === 'SKIPPED').map(({ path }) => path);
  const shared = constant.filter((name) => !skipped.includes(name));
  const left = await costOf(estimating, planned, shared, (step) => step);
  const once = await costOf(estimating, planned, shared, anew);
  const each = await costOf(estimating, planned, perTrial, anew);
  return {
    ...{ method, trials, concurrency, shared, perTrial },
    steps: shared.length + trials * perTrial.length,
    saved: (trials - 1) * shared.length,
    sumSeconds: sum(left.seconds, times(each.seconds, trials)),
    savedSeconds: times(once.seconds, trials - 1),
    gpuHours: sum(left.gpuHours, times(each.gpuHours, trials)),
    mayEndEarlier: sweep.asha !== null,
  };
}

/** In a trial with other values nothing of it is there. */
const anew = (step: PlannedStep): PlannedStep => ({
  ...step,
  state: 'RUN',
  checkpointStep: null,
  click: null,
  inner: [],
});

interface Cost {
  seconds: number | null;
  gpuHours: number | null;
}

/** Of some steps together; unknown when one of them has no record. */
async function costOf(
  estimating: Estimating,
  planned: readonly PlannedStep[],
  names: readonly string[],
  as: (step: PlannedStep) => PlannedStep,
): Promise<Cost> {
  const steps = planned.filter(({ path }) => names.includes(path)).map(as);
  const estimates = [...(await estimatesOf(estimating, steps))].filter(([path]) => names.includes(path));
  const nothing: Cost = { seconds: 0, gpuHours: 0 };
  return estimates.reduce(
    (cost, [, { seconds, gpuHours }]) => ({
      seconds: sum(cost.seconds, seconds),
      gpuHours: sum(cost.gpuHours, gpuHours),
    }),
    nothing,
  );
}

const sum = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a + b);
const times = (value: number | null, count: number): number | null => (value === null ? null : value * count);
