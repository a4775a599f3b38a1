// Expectations on the run as a whole: how it ends, what it hands out, how long it took, and conditions.
import { child, childString } from '../compiler/authored.js';
import type { Authored, AuthoredMap, Span } from '../compiler/authored.js';
import { suggest } from '../compiler/did-you-mean.js';
import { durationText, listed } from './expectation.js';
import type { Expectation } from './expectation.js';
import { readAssertions } from './expect-assert.js';
import type { EndState, Observed } from './observed.js';
import { covers, findTarget } from './paths.js';
import { durationOf, durationUnder, entriesUnder, numberOf, targetOf, textOf } from './reading.js';
import type { Reading } from './reading.js';

/** The expectations of `expect` on the run; what is wrong is reported. `place` is where a case without `state` stands. */
export function readRunExpectations(reading: Reading, expect: AuthoredMap | undefined, place: Span): Expectation[] {
  const state = childString(expect, 'state') ?? 'succeeded';
  const ends = endsAs(state, child(expect, 'state')?.span ?? place);
  if (expect === undefined) return [ends];
  return [
    ends,
    ...message(expect),
    ...entriesUnder(expect, 'outputs').flatMap((entry) => output(reading, entry)),
    ...entriesUnder(expect, 'metrics').flatMap((entry) => metric(reading, entry)),
    ...took(reading, expect),
    ...readAssertions(reading, expect),
  ];
}

const words: Record<EndState, string> = {
  succeeded: 'succeeded',
  failed: 'failed',
  'gate-failed': 'ended at a gate',
  cancelled: 'was cancelled',
  paused: 'is paused, with nothing left to happen',
};

const endsAs = (expected: string, span: Span): Expectation => ({
  span,
  unmet({ state, failures }) {
    if (state === expected) return null;
    const why = failures.map(({ path, message: text, class: name }) => `; ${path}: ${text} [${name}]`);
    return `the run was to end as ${expected}, and it ${words[state]}${why.join('')}`;
  },
});

function message(expect: AuthoredMap): Expectation[] {
  const authored = child(expect, 'message');
  const expected = textOf(authored ?? null);
  if (authored === undefined) return [];
  return [
    {
      span: authored.span,
      unmet({ failures }) {
        if (failures.some(({ message: text }) => text.includes(expected))) return null;
        const texts = failures.map(({ message: text }) => `"${text}"`).join(', ');
        return `the failure was to say "${expected}", and ${texts === '' ? 'nothing failed' : `it says ${texts}`}`;
      },
    },
  ];
}

type Entry = ReturnType<typeof entriesUnder>[number];

function isKnown(reading: Reading, { name, key }: Entry, what: 'output' | 'metric'): boolean {
  const known = Object.keys(what === 'output' ? reading.plan.outputs : reading.plan.metrics);
  if (known.includes(name)) return true;
  const hint = suggest(name, known) ?? `the pipeline hands out no ${what}`;
  reading.diagnostics.push(
    reading.file.error('unknown-reference', key, `the run has no ${what} \`${name}\``, { hint }),
  );
  return false;
}

function output(reading: Reading, entry: Entry): Expectation[] {
  const { name, value } = entry;
  if (!isKnown(reading, entry, 'output') || value.form !== 'scalar') return [];
  const text = typeof value.value === 'string' ? value.value : null;
  const target = text === null ? null : targetOf(reading, text, value.span);
  if (text !== null && target === null) return [];
  const unmet = (observed: Observed): string | null => {
    const artifact = observed.outputs[name];
    const made = makersOf(observed, artifact);
    if (made === null) {
      const fact = artifact === undefined ? 'the run handed nothing out' : 'it is null';
      return text === null && artifact === null ? null : `output \`${name}\` was to be ${told(text)}, and ${fact}`;
    }
    const isMeant = made.some((path) => {
      const maker = findTarget(reading.plan.steps, path);
      return target !== null && maker !== null && covers(target, maker);
    });
    return isMeant ? null : `output \`${name}\` was to be ${told(text)}, and ${listed(made)} made it`;
  };
  return [{ span: value.span, unmet }];
}

const told = (path: string | null): string => (path === null ? 'null' : `made by \`${path}\``);

/** The steps that made an artifact; null for what is none. */
function makersOf({ store }: Observed, value: unknown): string[] | null {
  if (typeof value !== 'object' || value === null || !('$artifact' in value)) return null;
  const { key } = value.$artifact as { key: string };
  return [...(store.makers.get(key) ?? [])];
}

function metric(reading: Reading, entry: Entry): Expectation[] {
  const { name, value } = entry;
  if (!isKnown(reading, entry, 'metric')) return [];
  const bounds = boundsOf(value);
  const unmet = ({ metrics }: Observed): string | null => {
    const found = metrics[name];
    if (found === undefined) return `metric \`${name}\` was to be ${bounds.text}, and the run handed nothing out`;
    return bounds.hold(found) ? null : `metric \`${name}\` was to be ${bounds.text}, and is ${String(found)}`;
  };
  return [{ span: value.span, unmet }];
}

interface Bounds {
  text: string;
  hold(value: number | null): boolean;
}

/** Differences in the last digits do not count. */
const tolerance = 1e-9;

function boundsOf(value: Authored): Bounds {
  if (value.form === 'map') {
    const [min, max] = [numberOf(child(value, 'min')), numberOf(child(value, 'max'))];
    return {
      text: rangeText(min, max, String),
      hold: (found) => found !== null && (min === null || found >= min) && (max === null || found <= max),
    };
  }
  const exact = numberOf(value);
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
  return {
    text: String(exact),
    hold: (found) => (exact === null || found === null ? exact === found : near(exact, found)),
  };
}

function rangeText(min: number | null, max: number | null, show: (value: number) => string): string {
  if (min !== null && max !== null) return `between ${show(min)} and ${show(max)}`;
  if (min !== null) return `at least ${show(min)}`;
  return max === null ? 'measured' : `at most ${show(max)}`;
}

function took(reading: Reading, expect: AuthoredMap): Expectation[] {
  const value = child(expect, 'took');
  if (value === undefined || value.form === 'list') return [];
  const exact = value.form === 'scalar' ? durationOf(reading, value, 'took') : null;
  const min = value.form === 'map' ? durationUnder(reading, value, 'min') : exact;
  const max = value.form === 'map' ? durationUnder(reading, value, 'max') : exact;
  const text = exact === null ? rangeText(min, max, durationText) : durationText(exact);
  const unmet = ({ tookMs }: Observed): string | null =>
    (min === null || tookMs >= min) && (max === null || tookMs <= max)
      ? null
      : `the run was to take ${text}, and took ${durationText(tookMs)}`;
  return [{ span: value.span, unmet }];
}
