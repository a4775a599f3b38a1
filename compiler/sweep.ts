// The section `sweep` as the plan holds it; and what of it several rules look at.
import type { Asha, Plan, Sweep, SweepBudget, SweepDistribution, SweepValues } from '../schemas/generated/plan.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import { child, childMap, childNumber, childString, plainValue } from './authored.js';
import { parseDuration } from './durations.js';
import type { Param } from './params.js';
import type { Pipeline } from './pipeline.js';
import { planScalar } from './scalar-check.js';

export interface SweptParam {
  name: string;
  key: Span;
  map: AuthoredMap;
  /** Null when the pipeline has no such param, or a wrong one. */
  param: Param | null;
}

/** The parameters of the sweep, in reading order. Pure. */
export const sweptParams = ({ root, params }: Pipeline): SweptParam[] =>
  [...(childMap(childMap(root, 'sweep'), 'parameters')?.entries ?? [])].flatMap(([name, { key, value }]) =>
    value.form === 'map' ? [{ name, key, map: value, param: params.get(name) ?? null }] : [],
  );

/** A bound or a step of a distribution as a number, of a duration in milliseconds; null when it is none. Pure. */
export function numberOf(authored: Authored | undefined, param: Param | null): number | null {
  const value = authored === undefined ? null : plainValue(authored);
  if (param?.type === 'duration') return typeof value === 'string' ? parseDuration(value) : null;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** What a rung of ASHA has more of: the param that sets it, or null where the name stands for none. Pure. */
export function ashaParam({ steps, params }: Pipeline, resource: string): Param | null {
  const loopName = /^([a-z][a-z0-9_]*)\.iterations$/.exec(resource)?.[1];
  if (loopName === undefined) return integerParam(params.get(resource));
  const loop = steps.find(({ name, form }) => name === loopName && form === 'loop');
  const max = childString(childMap(loop?.map, 'loop'), 'max');
  const name = /^\$\{\{\s*params\.([a-z][a-z0-9_]*)\s*\}\}$/.exec(max?.trim() ?? '')?.[1];
  return integerParam(params.get(name ?? ''));
}

const integerParam = (param: Param | undefined): Param | null => (param?.type === 'integer' ? param : null);

/** How many points a grid has. Pure; infinite when a parameter has no values of its own. */
export const gridSize = (parameters: Sweep['parameters']): number =>
  Object.values(parameters).reduce((size, parameter) => size * pointsOf(parameter), 1);

const pointsOf = (parameter: SweepValues | SweepDistribution): number =>
  'values' in parameter
    ? parameter.values.length
    : Math.floor((parameter.max - parameter.min) / (parameter.step ?? 1) + 1e-9) + 1;

/** The parameters of the sweep for the plan. For those without errors; others are left out. Pure. */
export function sweepParameters(pipeline: Pipeline): Sweep['parameters'] {
  const lowered = sweptParams(pipeline).map(({ name, map, param }) => [name, parameterOf(map, param)] as const);
  return Object.fromEntries(lowered.flatMap(([name, parameter]) => (parameter === null ? [] : [[name, parameter]])));
}

function parameterOf(map: AuthoredMap, param: Param | null): SweepValues | SweepDistribution | null {
  const values = child(map, 'values');
  if (values?.form === 'list') {
    const [first, ...rest] = values.items.map((item) => planScalar(plainValue(item), param?.type ?? 'list'));
    return { values: [first, ...rest] as SweepValues['values'] };
  }
  const distribution = childString(map, 'distribution') as SweepDistribution['distribution'] | undefined;
  const [min, max] = [numberOf(child(map, 'min'), param), numberOf(child(map, 'max'), param)];
  if (distribution === undefined || min === null || max === null) return null;
  return { distribution, min, max, step: numberOf(child(map, 'step'), param) };
}

/** The section for the plan. For a pipeline without errors. Pure. */
export function lowerSweep(pipeline: Pipeline): Pick<Plan, 'sweep'> {
  const map = childMap(pipeline.root, 'sweep');
  if (map === undefined) return {};
  const metric = childMap(map, 'metric');
  const parameters = sweepParameters(pipeline);
  return {
    sweep: {
      method: (childString(map, 'method') ?? 'grid') as Sweep['method'],
      metric: { name: childString(metric, 'name') ?? '', goal: goalOf(metric) },
      parameters,
      trials: childNumber(map, 'trials') ?? gridSize(parameters),
      concurrency: childNumber(map, 'concurrency') ?? 1,
      asha: lowerAsha(pipeline, childMap(map, 'asha')),
      budget: lowerBudget(childMap(map, 'budget')),
    },
  };
}

const goalOf = (metric: AuthoredMap | undefined): 'maximize' | 'minimize' =>
  childString(metric, 'goal') === 'minimize' ? 'minimize' : 'maximize';

function lowerAsha(pipeline: Pipeline, map: AuthoredMap | undefined): Asha | null {
  if (map === undefined) return null;
  const resource = childString(map, 'resource') ?? '';
  return {
    resource,
    param: ashaParam(pipeline, resource)?.name ?? '',
    min: childNumber(map, 'min') ?? 1,
    max: childNumber(map, 'max') ?? 1,
    eta: childNumber(map, 'eta') ?? 3,
    mode: childString(map, 'mode') === 'sync' ? 'sync' : 'async',
  };
}

function lowerBudget(map: AuthoredMap | undefined): SweepBudget | null {
  if (map === undefined) return null;
  return {
    gpuHours: childNumber(map, 'gpu-hours') ?? null,
    hours: childNumber(map, 'hours') ?? null,
    trials: childNumber(map, 'trials') ?? null,
    onExceeded: childString(map, 'on-exceeded') === 'stop' ? 'stop' : 'pause',
  };
}
