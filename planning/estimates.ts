// How long what is left of a run will take, judged by earlier records: step by step, loops by their iterations.
import type { LoopNode, Node, Plan, StepNode } from '../schemas/generated/plan.js';
import { criticalPath } from './critical-path.js';
import { estimateFrom, noRecord, summarise } from './estimate-step.js';
import type { Estimate } from './estimate-step.js';
import type { History } from './history.js';
import { kindOf } from './kind-of.js';
import type { PlannedStep } from './planned-step.js';

export interface Estimating {
  plan: Plan;
  history: History;
}

/** The loop whose body is looked at, as history knows it. */
interface InLoop {
  path: string;
  key: string | null;
}

/** What has nothing left to do takes no time. */
const nothing: Estimate = { seconds: 0, range: null, records: 0, differs: [], gpuHours: 0 };

/** The estimate of each planned step by its path, those of the next iterations of loops among them. Reads records. */
export async function estimatesOf(
  estimating: Estimating,
  planned: readonly PlannedStep[],
  loop: InLoop | null = null,
): Promise<Map<string, Estimate>> {
  const estimates = new Map<string, Estimate>();
  for (const step of planned) {
    estimates.set(step.path, await estimateOf(estimating, step, loop));
    const inner = await estimatesOf(estimating, step.inner, { path: step.path, key: step.key });
    for (const [path, estimate] of inner) estimates.set(path, estimate);
  }
  return estimates;
}

async function estimateOf(estimating: Estimating, step: PlannedStep, loop: InLoop | null): Promise<Estimate> {
  const { node, state } = step;
  if (state === 'CACHED' || state === 'SKIPPED') return nothing;
  if (node.node === 'gate' || node.node === 'matrix') return nothing;
  if (node.node === 'step') return estimateStep(estimating, step.path, node, { planned: step, loop });
  return estimateLoop(estimating, node, step);
}

async function estimateStep(
  { plan, history }: Estimating,
  path: string,
  node: StepNode,
  { planned, loop }: { planned: PlannedStep | null; loop: InLoop | null },
): Promise<Estimate> {
  const kind = kindOf(plan, node);
  const name = path.slice(path.lastIndexOf('.') + 1);
  const inside = loop === null ? [] : await history.resultsInside(loop, name, node.uses);
  const results = inside.length > 0 ? inside : await history.resultsOf(node.uses, path);
  const known = planned === null ? literalsOf(node) : knownOf(planned);
  const { gpus } = node.resources;
  return estimateFrom(results, {
    kind,
    inputs: known,
    done: planned?.checkpointStep ?? null,
    gpus,
  });
}

const knownOf = ({ inputs }: PlannedStep): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(inputs).flatMap(([input, evaluated]) =>
      evaluated.state === 'known' ? [[input, evaluated.value] as const] : [],
    ),
  );

/** Of a step that was not planned: what stands in the plan as it is. */
const literalsOf = (node: StepNode): Record<string, unknown> =>
  Object.fromEntries(Object.entries(node.with).filter(([, value]) => typeof value !== 'object'));

/** An iteration takes what the last ones took; where there is none, what its steps take. */
async function estimateLoop(estimating: Estimating, node: LoopNode, step: PlannedStep): Promise<Estimate> {
  if (step.max === null) return noRecord;
  const left = Math.max(0, step.max - ((step.click ?? -1) + 1));
  const loop = { path: step.path, key: step.key };
  const clicks = await estimating.history.clicksOf(loop);
  const body = await estimateBody(estimating, node.steps, loop);
  const one = clicks.length > 0 ? { ...noRecord, ...summarise(clicks.map(({ seconds }) => seconds)) } : body;
  const times = (value: number | null): number | null => (value === null ? null : value * left);
  const range = one.range === null ? null : { min: one.range.min * left, max: one.range.max * left };
  return { ...one, seconds: times(one.seconds), range, gpuHours: times(body.gpuHours) };
}

/** One iteration by what its steps take: along its critical path; GPU hours in sum. Unknown when one of them is. */
async function estimateBody(estimating: Estimating, nodes: Record<string, Node>, loop: InLoop): Promise<Estimate> {
  const timed: { name: string; deps: string[]; estimate: Estimate }[] = [];
  for (const [name, node] of Object.entries(nodes)) {
    if (node.node === 'gate' || node.node === 'matrix') continue;
    const path = `${loop.path}.${name}`;
    const estimate =
      node.node === 'step' ? await estimateStep(estimating, path, node, { planned: null, loop }) : noRecord;
    timed.push({ name, deps: node.deps, estimate });
  }
  const gpuHours = timed.map(({ estimate }) => estimate.gpuHours);
  const seconds = timed.map(({ estimate }) => estimate.seconds);
  const steps = timed.map(({ name, deps, estimate }) => ({ name, deps, seconds: estimate.seconds ?? 0 }));
  return {
    ...noRecord,
    seconds: seconds.includes(null) ? null : criticalPath(steps).seconds,
    records: Math.min(...timed.map(({ estimate }) => estimate.records)),
    gpuHours: gpuHours.includes(null) ? null : gpuHours.reduce<number>((sum, hours) => sum + (hours ?? 0), 0),
  };
}

export interface Totals {
  /** The longest chain of steps: how long the run takes with slots for all. Null when nothing is known. */
  criticalPath: { seconds: number; steps: string[] };
  /** One step after the other. */
  sumSeconds: number;
  gpuHours: number;
  /** Paths of what would run and has no record yet: the totals leave them out. */
  withoutRecord: string[];
  /** Whether a loop may end before its `max`, so that the totals are upper bounds. */
  mayEndEarlier: boolean;
}

/** The totals of the steps at the top of a plan. Pure. */
export function totalsOf(planned: readonly PlannedStep[], estimates: ReadonlyMap<string, Estimate>): Totals {
  const of = ({ path }: PlannedStep): Estimate => estimates.get(path) ?? noRecord;
  const timed = planned.map((step) => ({ name: step.path, deps: step.node.deps, seconds: of(step).seconds ?? 0 }));
  return {
    criticalPath: criticalPath(timed),
    sumSeconds: timed.reduce((sum, { seconds }) => sum + seconds, 0),
    gpuHours: planned.reduce((sum, step) => sum + (of(step).gpuHours ?? 0), 0),
    withoutRecord: planned.filter((step) => of(step).seconds === null).map(({ path }) => path),
    mayEndEarlier: planned.some(
      (step) => step.node.node === 'loop' && step.node.until !== null && (of(step).seconds ?? 0) > 0,
    ),
  };
}
