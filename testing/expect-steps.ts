// Expectations on steps: what ran, was cached, skipped or failed, how often a loop turned and a step was tried.
import { child } from '../compiler/authored.js';
import type { Authored, AuthoredMap, Span } from '../compiler/authored.js';
import { suggest } from '../compiler/did-you-mean.js';
import { allFailureClasses } from '../schemas/failures.js';
import { listed, times } from './expectation.js';
import type { Expectation } from './expectation.js';
import type { Observed, StepSeen } from './observed.js';
import { covers, genericPath } from './paths.js';
import type { Target } from './paths.js';
import { numberOf, targetsUnder, textOf } from './reading.js';
import type { Reading } from './reading.js';

interface Named {
  text: string;
  span: Span;
  target: Target;
  value: Authored | null;
}

/** The expectations of `expect` that name steps; what is wrong is reported. */
export function readStepExpectations(reading: Reading, expect: AuthoredMap): Expectation[] {
  const under = (key: string): Named[] => targetsUnder(reading, expect, key);
  return [
    ...under('ran').map((named) => counted(named, 'ran', ({ ran }) => ran)),
    ...under('cached').map((named) => counted(named, 'cached', ({ view }) => view.state === 'cached')),
    ...under('not-run').map(notRun),
    ...onlyRan(reading, expect),
    ...under('skipped').map(skipped),
    ...under('failed').map((named) => failed(reading, named)),
    ...under('iterations').flatMap((named) => iterations(reading, named)),
    ...under('attempts').flatMap((named) => attempts(reading, named)),
    ...waited(reading, expect),
  ];
}

const seenOf = ({ steps }: Observed, target: Target): StepSeen[] => steps.filter((one) => covers(target, one.target));

function counted(
  { text, span, target, value }: Named,
  what: 'ran' | 'cached',
  counts: (seen: StepSeen) => boolean,
): Expectation {
  const expected = numberOf(value);
  const word = what === 'ran' ? 'run' : 'be cached';
  return {
    span,
    unmet(observed) {
      const seen = seenOf(observed, target);
      const count = seen.filter(counts).length;
      if (expected === null ? count > 0 : count === expected) return null;
      if (expected !== null)
        return `\`${text}\` was to ${word} ${times(expected)}, and ${what === 'ran' ? 'ran' : 'was cached'} ${times(count)}`;
      return `\`${text}\` was to ${word}, and ${fate(observed, target)}`;
    },
  };
}

const notRun = ({ text, span, target }: Named): Expectation => ({
  span,
  unmet(observed) {
    const ran = seenOf(observed, target).filter((one) => one.ran);
    return ran.length === 0 ? null : `\`${text}\` was not to run, and ${pathsWith('ran', text, ran)}`;
  },
});

function onlyRan(reading: Reading, expect: AuthoredMap): Expectation[] {
  const authored = child(expect, 'ran-only');
  if (authored === undefined) return [];
  const named = targetsUnder(reading, expect, 'ran-only');
  return [
    ...named.map((one) => counted(one, 'ran', ({ ran }) => ran)),
    {
      span: authored.span,
      unmet({ steps }) {
        const others = steps
          .filter(({ ran, target }) => ran && target.node.node === 'step')
          .filter(({ target }) => !named.some((one) => covers(one.target, target)));
        return others.length === 0
          ? null
          : `no other step was to run, and ${listed(others.map(({ path }) => path))} ran`;
      },
    },
  ];
}

function skipped({ text, span, target, value }: Named): Expectation {
  const reason = textOf(value);
  return {
    span,
    unmet(observed) {
      const seen = seenOf(observed, target).filter(({ view }) => view.state === 'skipped');
      const [first] = seen;
      if (first === undefined) return `\`${text}\` was to be skipped, and ${fate(observed, target)}`;
      if (seen.some(({ view }) => (view.reason ?? '').includes(reason))) return null;
      return `\`${text}\` was to be skipped because "${reason}", and was skipped because ${first.view.reason ?? 'of nothing'}`;
    },
  };
}

function failed(reading: Reading, { text, span, target, value }: Named): Expectation {
  const expected = textOf(value);
  const known = ['gate', ...allFailureClasses()];
  if (value !== null && !known.includes(expected)) {
    const hint = suggest(expected, known);
    const { file, diagnostics } = reading;
    diagnostics.push(file.error('bad-value', value.span, `there is no failure class \`${expected}\``, { hint }));
  }
  return {
    span,
    unmet(observed) {
      const seen = seenOf(observed, target).filter(({ view }) => view.state === 'failed');
      const [first] = seen;
      if (first === undefined) return `\`${text}\` was to fail, and ${fate(observed, target)}`;
      if (value === null || seen.some(({ view }) => view.failure?.class === expected)) return null;
      return `\`${text}\` was to fail as ${expected}, and ${failureWords(first)}`;
    },
  };
}

function iterations(reading: Reading, { text, span, target, value }: Named): Expectation[] {
  const expected = numberOf(value);
  if (target.node.node !== 'loop') {
    const { file, diagnostics } = reading;
    diagnostics.push(file.error('bad-value', span, `\`${text}\` is no loop, so it has no iterations`));
    return [];
  }
  const unmet = (observed: Observed): string | null => {
    const seen = seenOf(observed, target).filter(({ path }) => observed.iterations.has(path));
    if (seen.length === 0) return `\`${text}\` was to turn ${times(expected ?? 0)}, and ${fate(observed, target)}`;
    const other = seen.find(({ path }) => observed.iterations.get(path) !== expected);
    if (other === undefined) return null;
    const count = observed.iterations.get(other.path) ?? 0;
    return `\`${text}\` was to turn ${times(expected ?? 0)}, and ${other.path === text ? 'it' : `\`${other.path}\``} turned ${times(count)}`;
  };
  return expected === null ? [] : [{ span, unmet }];
}

function attempts(reading: Reading, { text, span, target, value }: Named): Expectation[] {
  const expected = numberOf(value);
  if (target.step === null) {
    const { file, diagnostics } = reading;
    diagnostics.push(file.error('bad-value', span, `\`${text}\` is a ${target.node.node}: only steps are tried again`));
    return [];
  }
  const unmet = (observed: Observed): string | null => {
    const most = Math.max(0, ...seenOf(observed, target).map((one) => one.attempts));
    return most === expected
      ? null
      : `\`${text}\` was to be tried ${times(expected ?? 0)}, and was tried ${times(most)}`;
  };
  return expected === null ? [] : [{ span, unmet }];
}

function waited(reading: Reading, expect: AuthoredMap): Expectation[] {
  const key = 'waited-for-approval';
  const authored = child(expect, key);
  if (authored === undefined) return [];
  const named = targetsUnder(reading, expect, key);
  const each = named.map(({ text, span, target }): Expectation => ({
    span,
    unmet(observed) {
      const found = seenOf(observed, target).some(({ path }) => observed.waited.includes(path));
      return found ? null : `\`${text}\` was to wait for approval, and ${fate(observed, target)}`;
    },
  }));
  const others: Expectation = {
    span: authored.span,
    unmet(observed) {
      const more = observed.steps.filter(
        ({ path, target }) => observed.waited.includes(path) && !named.some((one) => covers(one.target, target)),
      );
      return more.length === 0 ? null : `${listed(more.map(({ path }) => path))} waited for approval, too`;
    },
  };
  return [...each, others];
}

/** What became of a step instead. */
function fate(observed: Observed, target: Target): string {
  const seen = seenOf(observed, target);
  const states = new Map<string, StepSeen>();
  for (const one of seen) if (!states.has(one.view.state)) states.set(one.view.state, one);
  const words = [...states.values()].map(stateWords);
  if (words.length > 0) return words.join('; ');
  const loop = genericPath(target).split('.')[0] ?? '';
  return target.names.length > 1 ? `\`${loop}\` had no such iteration` : 'the run never came to it';
}

function stateWords(seen: StepSeen): string {
  const { view, ran } = seen;
  const reason = view.reason === null || view.reason === '' ? '' : `: ${view.reason}`;
  switch (view.state) {
    case 'done':
      return ran ? 'it ran' : 'it is done';
    case 'cached':
      return `it was cached${reason}`;
    case 'skipped':
      return `it was skipped${reason}`;
    case 'failed':
      return failureWords(seen);
    case 'cancelled':
      return `it was cancelled${reason}`;
    case 'pending':
      return 'it did not start';
    case 'running':
    case 'waiting':
      return `it is ${view.state} still${reason}`;
  }
}

const failureWords = ({ view: { failure, reason } }: StepSeen): string =>
  `it failed as ${failure?.class ?? 'unknown'}: ${failure?.message ?? reason ?? ''}`;

/** `rl[0].dev and rl[2].dev ran`, or `it ran` where the path is the one that was written. */
function pathsWith(verb: string, text: string, seen: readonly StepSeen[]): string {
  const paths = seen.map(({ path }) => path);
  return paths.length === 1 && paths[0] === text ? `it ${verb}` : `${listed(paths)} ${verb}`;
}
