// What the steps of a case do instead of their work. A case's fakes lie over the file's; among those of one place a path
// that names an iteration lies over one that does not.
import { child, childNumber, childString } from '../compiler/authored.js';
import type { Authored, AuthoredMap, Span } from '../compiler/authored.js';
import { suggest } from '../compiler/did-you-mean.js';
import { isFailureClass } from '../workflows/failure.js';
import type { FailureClass } from '../schemas/generated/plan.js';
import { declarationOf } from './declaration.js';
import { readMetric } from './metric-fakes.js';
import type { MetricFake } from './metric-fakes.js';
import { covers, specificity } from './paths.js';
import type { Target } from './paths.js';
import { durationUnder, entriesUnder, flagUnder, targetOf } from './reading.js';
import type { Reading } from './reading.js';

export interface Fake {
  target: Target;
  key: Span;
  metrics: Record<string, MetricFake>;
  /** Null where the file says nothing. */
  takesMs: number | null;
  fails: FakeFailure[] | null;
  cached: boolean | null;
}

export interface FakeFailure {
  class: FailureClass;
  times: number;
  message: string;
  afterMs: number | null;
  keptMs: number | null;
}

/** What one step does, all fakes that cover it laid over each other. */
export interface FakedStep {
  metrics: Record<string, MetricFake>;
  takesMs: number;
  fails: FakeFailure[];
  cached: boolean;
}

/** The fakes under `steps` of the file and of a case, the one that counts most last; what is wrong is reported. */
export function readFakes(reading: Reading, shared: AuthoredMap, own: AuthoredMap): Fake[] {
  const ofFile = entriesUnder(shared, 'steps').flatMap((entry) => readFake(reading, entry));
  const ofCase = entriesUnder(own, 'steps').flatMap((entry) => readFake(reading, entry));
  return [...ofFile.sort(bySpecificity), ...ofCase.sort(bySpecificity)];
}

const bySpecificity = (a: Fake, b: Fake): number => specificity(a.target) - specificity(b.target);

function readFake(reading: Reading, { name, key, value }: { name: string; key: Span; value: Authored }): Fake[] {
  const target = targetOf(reading, name, key);
  if (value.form !== 'map') return [];
  const { file, diagnostics } = reading;
  const takesMs = durationUnder(reading, value, 'takes');
  const fails = readFailures(reading, value);
  if (target === null) return [];
  if (target.step === null) {
    const { message, hint } = notAStep(name, target);
    diagnostics.push(file.error('bad-value', key, message, { hint }));
    return [];
  }
  return [
    {
      target,
      key,
      metrics: readMetrics(reading, target, target.step.uses, value),
      takesMs,
      fails,
      cached: flagUnder(value, 'cached'),
    },
  ];
}

function notAStep(name: string, { node }: Target): { message: string; hint: string } {
  if (node.node === 'gate')
    return { message: `\`${name}\` is a gate: it is not faked`, hint: 'decide it under `approve` or `reject`' };
  const [inner = ''] = node.node === 'loop' ? Object.keys(node.steps) : [];
  return { message: `\`${name}\` is a loop: its steps are faked`, hint: `name one of them, such as ${name}.${inner}` };
}

function readMetrics(reading: Reading, target: Target, kind: string, map: AuthoredMap): Fake['metrics'] {
  const known = declarationOf(reading.plan, target)?.metrics ?? [];
  const metrics: Fake['metrics'] = {};
  for (const { name, key, value } of entriesUnder(map, 'metrics')) {
    if (!known.includes(name)) {
      const message = `\`${target.names.join('.')}\` (${kind}) has no metric \`${name}\``;
      reading.diagnostics.push(reading.file.error('unknown-reference', key, message, { hint: suggest(name, known) }));
      continue;
    }
    const metric = readMetric(reading, target, name, value);
    if (metric !== null) metrics[name] = metric;
  }
  return metrics;
}

function readFailures(reading: Reading, map: AuthoredMap): FakeFailure[] | null {
  const list = child(map, 'fails');
  if (list?.form !== 'list') return null;
  return list.items.flatMap((item): FakeFailure[] => {
    const name = childString(item, 'class');
    if (item.form !== 'map' || !isFailureClass(name)) return [];
    const message = childString(item, 'message') ?? 'as the test asks';
    const times = childNumber(item, 'times') ?? 1;
    const afterMs = durationUnder(reading, item, 'after');
    return [{ class: name, times, message, afterMs, keptMs: durationUnder(reading, item, 'kept') }];
  });
}

/** What the step at a path of the run does. Pure. */
export function fakeOf(fakes: readonly Fake[], path: Target): FakedStep {
  const step: FakedStep = { metrics: {}, takesMs: 0, fails: [], cached: false };
  for (const fake of fakes) {
    if (!covers(fake.target, path)) continue;
    step.metrics = { ...step.metrics, ...fake.metrics };
    step.takesMs = fake.takesMs ?? step.takesMs;
    step.fails = fake.fails ?? step.fails;
    step.cached = fake.cached ?? step.cached;
  }
  return step;
}

/** Where a person would give the step another metric: the last fake that covers it. Pure. */
export const placeOfFake = (fakes: readonly Fake[], path: Target): Span | null =>
  fakes.filter((fake) => covers(fake.target, path) || covers(path, fake.target)).at(-1)?.key ?? null;
