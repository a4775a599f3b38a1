// From the inputs of a call, which name artifacts and files, to inputs that a kind can read: local folders.
import type { ArtifactRef } from '../schemas/generated/records.js';
import { readResult, removeResult } from '../store/results.js';
import { StoreError } from '../store/errors.js';
import type { InputValue } from './calls.js';
import type { CacheLease } from './artifact-cache.js';
import { outputFolder } from './commit-step.js';
import type { Host } from './host.js';
import type { KindInput, LocalArtifact } from './kind.js';
import { StepFailure } from './kind.js';
import { volatileLost } from './volatile-step.js';

/**
 * The inputs with every artifact and file readable on this host, digests checked. Fails with artifact_damaged when one is
 * gone or wrong; the result that made it is then set aside, so that its step runs again. Fails with volatile_lost for one
 * that another worker held between two clicks of a loop.
 */
export async function stageInputs(
  from: InputSources,
  lease: CacheLease,
  inputs: Record<string, InputValue>,
): Promise<Record<string, KindInput>> {
  const staged = await Promise.all(
    Object.entries(inputs).map(async ([name, value]) => [name, await stage(from, lease, value)] as const),
  );
  return Object.fromEntries(staged);
}

/** Where artifacts are looked for: what this worker holds between two clicks of a loop, and the store. */
type InputSources = Pick<Host, 'store' | 'volatile'>;

async function stage(from: InputSources, lease: CacheLease, value: InputValue): Promise<KindInput> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => stage(from, lease, item)));
  if (isArtifactRef(value)) return stageArtifact(from, lease, value);
  const file = fileRef(value);
  if (file !== null) return { path: await lease.input(file), digest: file.digest };
  return stageInputs(from, lease, value);
}

async function stageArtifact(
  { store, volatile }: InputSources,
  lease: CacheLease,
  { $artifact }: ArtifactRef,
): Promise<LocalArtifact> {
  const { key, output, type } = $artifact;
  // What is not marked is in the store, and read there: a loop drops what it holds when no reference with a mark is left.
  const held = $artifact.volatile === undefined ? null : volatile.get(key);
  if (held !== null) return { path: outputFolder(held.folder, output), identity: `${key}/${output}`, type };
  const stored = (await readResult(store, key))?.outputs[output];
  if (stored === undefined && $artifact.volatile !== undefined) throw volatileLost(key);
  if (stored === undefined) {
    throw new StepFailure(
      'artifact_damaged',
      `The store has no result ${key} with an output \`${output}\` any more. Run again: its step makes it anew.`,
      { key },
    );
  }
  try {
    return { path: await lease.artifact(stored.tree), identity: `${key}/${output}`, type };
  } catch (error) {
    if (error instanceof StoreError && error.failureClass === 'artifact_damaged') await removeResult(store, key);
    throw error;
  }
}

const isArtifactRef = (value: object): value is ArtifactRef => Object.hasOwn(value, '$artifact');

function fileRef(value: object): { digest: string; folder: boolean } | null {
  const { $file } = value as { $file?: { digest?: unknown; folder?: unknown } };
  if (typeof $file?.digest !== 'string') return null;
  return { digest: $file.digest, folder: $file.folder === true };
}
