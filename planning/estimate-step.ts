// How long a step will take, judged by earlier results of its kind: the median of those whose inputs differ least. Pure.
import type { PlanKind } from '../schemas/generated/plan.js';
import type { Result } from '../schemas/generated/records.js';
import { inputIdentity } from '../schemas/derivation.js';

export interface Estimate {
  /** Null: there is no record of it yet. */
  seconds: number | null;
  /** Shortest and longest of the records, scaled as the median is. */
  range: { min: number; max: number } | null;
  /** Results or iterations that it is the median of. */
  records: number;
  /** Inputs in which even the nearest records differ; the longer its list, the vaguer the estimate. */
  differs: string[];
  /** Of the step or of all iterations left; 0 when it asks for no GPU, null while unknown. */
  gpuHours: number | null;
}

export const noRecord: Estimate = { seconds: null, range: null, records: 0, differs: [], gpuHours: null };

/** Median, range and number of some values; nothing of none. Pure. */
export function summarise(values: readonly number[]): Pick<Estimate, 'seconds' | 'range' | 'records'> {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined)
    return { seconds: null, range: null, records: 0 };
  return { seconds: (low + high) / 2, range: { min, max }, records: sorted.length };
}

/**
 * The estimate of a step whose inputs are known so far as `inputs` says. Where a kind says that an input may grow without
 * starting over (`steps`), time grows with it; `done` of it are in a checkpoint already.
 */
export function estimateFrom(
  results: readonly Result[],
  step: { kind: PlanKind; inputs: Readonly<Record<string, unknown>>; done: number | null; gpus: number },
): Estimate {
  const scored = results
    // A resumed attempt took less than the step does.
    .filter(({ resumedFrom }) => resumedFrom === null)
    .map((result) => ({ result, differs: differingInputs(result, step) }));
  const least = Math.min(...scored.map(({ differs }) => differs.length));
  const nearest = scored.filter(({ differs }) => differs.length === least);
  const summary = summarise(nearest.map(({ result }) => result.seconds * growthFrom(result, step)));
  return {
    ...summary,
    differs: nearest[0]?.differs ?? [],
    gpuHours: step.gpus === 0 ? 0 : summary.seconds === null ? null : (summary.seconds * step.gpus) / 3600,
  };
}

type Wanted = Parameters<typeof estimateFrom>[1];

/** Plain values only: that an artifact is another one says nothing about the time. */
function differingInputs({ derivation }: Result, { kind, inputs }: Wanted): string[] {
  return Object.entries(inputs)
    .filter(([name, value]) => isPlain(name, value, kind))
    .filter(([name, value]) => JSON.stringify(inputIdentity(value)) !== JSON.stringify(derivation.inputs[name]))
    .map(([name]) => name)
    .sort();
}

const isPlain = (name: string, value: unknown, kind: PlanKind): boolean =>
  value !== null &&
  value !== undefined &&
  (kind.inputs[name]?.artifact ?? null) === null &&
  kind.inputs[name]?.checkpointKey !== false &&
  !(typeof value === 'object' && '$file' in value);

function growthFrom({ derivation }: Result, { kind, inputs, done }: Wanted): number {
  let growth = 1;
  for (const [name, value] of Object.entries(inputs)) {
    const before = derivation.inputs[name];
    if (kind.inputs[name]?.checkpointKey !== false || typeof value !== 'number') continue;
    if (typeof before !== 'number' || before <= 0) continue;
    const left = name === 'steps' && done !== null ? Math.max(0, value - done) : value;
    growth *= left / before;
  }
  return growth;
}
