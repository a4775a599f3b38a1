// Why a step has no result: what changed since the nearest earlier result of the same kind.
import type { Derivation, RunRecord } from '../schemas/generated/records.js';
import { readResult } from '../store/results.js';
import type { ObjectStore } from '../store/store.js';

const maxCandidates = 8;
const maxChanges = 4;

/**
 * What differs from the earlier result that differs least: "lr: 0.001 -> 0.002". Null when no run of the records has a
 * result of this kind. `runs` newest first; results of the same path count before others. Reads results only.
 */
export async function explainChange(
  store: ObjectStore,
  runs: readonly RunRecord[],
  step: { path: string; derivation: Derivation; producers: ReadonlyMap<string, string> },
): Promise<string | null> {
  let nearest: string[] | null = null;
  for (const key of candidateKeys(runs, step.path, step.derivation.kind)) {
    const earlier = await readResult(store, key);
    if (earlier === null) continue;
    const changes = changesBetween(earlier.derivation, step.derivation, step.producers);
    if (changes.length > 0 && (nearest === null || changes.length < nearest.length)) nearest = changes;
  }
  if (nearest === null) return null;
  const more = nearest.length > maxChanges ? [`and ${nearest.length - maxChanges} more`] : [];
  return [...nearest.slice(0, maxChanges), ...more].join('; ');
}

function candidateKeys(runs: readonly RunRecord[], path: string, kind: string): string[] {
  const ofKind = runs.flatMap((run) => run.steps.filter((step) => step.kind === kind && step.key !== null));
  const ordered = [...ofKind.filter((step) => step.path === path), ...ofKind.filter((step) => step.path !== path)];
  return [...new Set(ordered.flatMap(({ key }) => (key === null ? [] : [key])))].slice(0, maxCandidates);
}

/** The differences of two derivations in words, sorted by name. `producers`: step name by key, of the plan. Pure. */
export function changesBetween(
  before: Derivation,
  after: Derivation,
  producers: ReadonlyMap<string, string>,
): string[] {
  const changes: string[] = [];
  if (before.version !== after.version) changes.push(`version of ${after.kind}: ${before.version} -> ${after.version}`);
  if (before.seed !== after.seed) changes.push(`seed: ${show(before.seed)} -> ${show(after.seed)}`);
  for (const name of namesOf(before.environment, after.environment)) {
    const [was, is] = [before.environment[name], after.environment[name]];
    if (was !== is) changes.push(`${name}: ${show(was)} -> ${show(is)}`);
  }
  for (const name of namesOf(before.inputs, after.inputs)) {
    const [was, is] = [before.inputs[name], after.inputs[name]];
    if (show(was) !== show(is)) changes.push(inputChange(name, was, is, producers));
  }
  return changes;
}

const namesOf = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();

function inputChange(name: string, was: unknown, is: unknown, producers: ReadonlyMap<string, string>): string {
  if (isArtifact(is)) {
    const producer = producers.get(is.key);
    const from = producer === undefined ? '' : ` of \`${producer}\``;
    return was === undefined ? `${name}: now given` : `${name}: another ${is.output}${from}`;
  }
  if (isFile(is)) return `${name}: the file changed`;
  return `${name}: ${show(was)} -> ${show(is)}`;
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
