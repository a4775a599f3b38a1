// Typed reads of a kind's inputs. The compiler has checked them; a plan from elsewhere may still be wrong, so each says
// what it found instead.
import type { Share } from '../../retrieval/share.js';
import type { KindInput, LocalArtifact, LocalFile } from '../kind.js';
import { StepFailure } from '../kind.js';

type Inputs = Record<string, KindInput>;

/** The number under `name`; config when it is none. Pure, as all here. */
export function numberInput(inputs: Inputs, name: string): number {
  const value = inputs[name];
  if (typeof value === 'number') return value;
  throw wrong(name, 'a number', value);
}

/** The number under `name`, or null where it is absent. */
export function optionalNumber(inputs: Inputs, name: string): number | null {
  const value = inputs[name];
  return value === undefined || value === null ? null : numberInput(inputs, name);
}

/** The whole number under `name`. */
export function integerInput(inputs: Inputs, name: string): number {
  const value = inputs[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw wrong(name, 'a whole number', value);
}

/** Which of how many shards a step of a kind of shards is; config when there is no such. */
export function shareInput(inputs: Inputs): Share {
  const [shard, shards] = [integerInput(inputs, 'shard'), integerInput(inputs, 'shards')];
  if (shard >= 1 && shard <= shards) return { shard, shards };
  throw new StepFailure('config', `\`shard\` is ${shard} of ${shards}; the first is 1 and the last ${shards}.`);
}

/** The string under `name`. */
export function stringInput(inputs: Inputs, name: string): string {
  const value = inputs[name];
  if (typeof value === 'string') return value;
  throw wrong(name, 'a string', value);
}

/** The boolean under `name`. */
export function booleanInput(inputs: Inputs, name: string): boolean {
  const value = inputs[name];
  if (typeof value === 'boolean') return value;
  throw wrong(name, 'true or false', value);
}

/** The list of strings under `name`; absent is empty. */
export function stringListInput(inputs: Inputs, name: string): string[] {
  const value = inputs[name] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrong(name, 'a list of strings', value);
}

/** The artifact under `name`. */
export function artifactInput(inputs: Inputs, name: string): LocalArtifact {
  const value = optionalArtifact(inputs, name);
  if (value !== null) return value;
  throw wrong(name, 'an artifact', inputs[name]);
}

/** The artifacts under `name` by the user's names; a single one without a map has the name null. */
export function namedArtifacts(inputs: Inputs, name: string): { name: string | null; artifact: LocalArtifact }[] {
  const value = inputs[name];
  if (value === undefined || typeof value !== 'object' || value === null) throw wrong(name, 'an artifact', value);
  if (isArtifact(value)) return [{ name: null, artifact: value }];
  return Object.entries(value)
    .map(([key, item]) => ({
      name: key,
      artifact: artifactInput({ [`${name}.${key}`]: item as KindInput }, `${name}.${key}`),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The artifact under `name`, or null where it is absent. */
export function optionalArtifact(inputs: Inputs, name: string): LocalArtifact | null {
  const value = inputs[name];
  if (value === undefined || value === null) return null;
  if (isArtifact(value)) return value;
  throw wrong(name, 'an artifact', value);
}

/** The file or folder under `name`. */
export function fileInput(inputs: Inputs, name: string): LocalFile {
  const value = inputs[name];
  if (value !== undefined && isFile(value)) return value;
  throw wrong(name, 'a file or folder', value);
}

const isArtifact = (value: KindInput): value is LocalArtifact =>
  typeof value === 'object' && value !== null && 'identity' in value && 'path' in value && 'type' in value;

const isFile = (value: KindInput): value is LocalFile =>
  typeof value === 'object' && value !== null && 'digest' in value && 'path' in value;

function wrong(name: string, expected: string, found: KindInput | undefined): StepFailure {
  const shown = found === undefined ? 'missing' : JSON.stringify(found);
  return new StepFailure('config', `The input \`${name}\` must be ${expected}, but is ${shown}.`, { input: name });
}
