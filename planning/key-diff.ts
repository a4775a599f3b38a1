// Why a step has no result: what changed since the nearest earlier result of the same kind.
import type { Derivation, Result } from '../schemas/generated/records.js';

const maxShown = 4;

/** One thing that differs between two derivations. */
export interface Difference {
  what: 'version' | 'seed' | 'environment' | 'input' | 'artifact' | 'file';
  /** Of the input or environment field; the kind for `version`, `seed` for the seed. */
  name: string;
  /** Null = it was not there. */
  before: unknown;
  after: unknown;
  /** In words: `lr: 0.001 -> 0.002`. */
  text: string;
}

/** The step that is looked at. */
export interface KeyedStep {
  derivation: Derivation;
  /** Step name by key, of the plan. */
  producers: ReadonlyMap<string, string>;
}

/**
 * The earlier result that differs least, and in what; the first of equals. Null when there is none, or the nearest has the
 * same derivation. Pure.
 */
export function nearestResult(
  earlier: readonly Result[],
  step: KeyedStep,
): { result: Result; differences: Difference[] } | null {
  let nearest: { result: Result; differences: Difference[] } | null = null;
  for (const result of earlier) {
    const differences = differencesBetween(result.derivation, step.derivation, step.producers);
    if (differences.length > 0 && (nearest === null || differences.length < nearest.differences.length))
      nearest = { result, differences };
  }
  return nearest;
}

/** Differences in one line: at most four, then how many more. Pure. */
export function inWords(differences: readonly Difference[]): string {
  const more = differences.length > maxShown ? [`and ${differences.length - maxShown} more`] : [];
  return [...differences.slice(0, maxShown).map(({ text }) => text), ...more].join('; ');
}

/** The differences of two derivations: version, seed, environment, inputs, each sorted by name. Pure. */
export function differencesBetween(
  before: Derivation,
  after: Derivation,
  producers: ReadonlyMap<string, string>,
): Difference[] {
  const found: Difference[] = [];
  if (before.version !== after.version)
    found.push(plain('version', after.kind, [before.version, after.version], `version of ${after.kind}`));
  if (before.seed !== after.seed) found.push(plain('seed', 'seed', [before.seed, after.seed]));
  for (const name of namesOf(before.environment, after.environment)) {
    const pair = [before.environment[name], after.environment[name]] as const;
    if (pair[0] !== pair[1]) found.push(plain('environment', name, pair));
  }
  found.push(...inputDifferences(['', before.inputs, after.inputs], producers));
  return found;
}

/** Of two maps of inputs; a map within is looked at item by item, so that one value is named and not all. */
function inputDifferences([path, before, after]: Maps, producers: ReadonlyMap<string, string>): Difference[] {
  return namesOf(before, after).flatMap((name): Difference[] => {
    const [old, now] = [before[name], after[name]];
    if (JSON.stringify(old) === JSON.stringify(now)) return [];
    if (isMap(old) && isMap(now)) return inputDifferences([`${path}${name}.`, old, now], producers);
    return [inputDifference(`${path}${name}`, [old, now], producers)];
  });
}

type Maps = readonly [path: string, before: Record<string, unknown>, after: Record<string, unknown>];

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isArtifact(value) && !isFile(value);

const namesOf = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();

type Pair = readonly [unknown, unknown];

const plain = (what: Difference['what'], name: string, [before, after]: Pair, label = name): Difference => ({
  what,
  name,
  before: before ?? null,
  after: after ?? null,
  text: `${label}: ${show(before)} -> ${show(after)}`,
});

function inputDifference(name: string, pair: Pair, producers: ReadonlyMap<string, string>): Difference {
  const [before, after] = pair;
  if (isArtifact(after)) {
    const producer = producers.get(after.key);
    const from = producer === undefined ? '' : ` of \`${producer}\``;
    const text = before === undefined ? `${name}: now given` : `${name}: another ${after.output}${from}`;
    return { ...plain('artifact', name, pair), text };
  }
  if (isArtifact(before)) return { ...plain('artifact', name, pair), text: `${name}: no longer given` };
  if (isFile(after))
    return {
      ...plain('file', name, pair),
      text: `${name}: ${before === undefined ? 'now given' : 'the file changed'}`,
    };
  return plain('input', name, pair);
}

const isArtifact = (value: unknown): value is { key: string; output: string } =>
  typeof value === 'object' && value !== null && Object.keys(value).sort().join() === 'key,output';

const isFile = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'file';

function show(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
