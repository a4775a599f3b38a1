// From the references to what the shards of a step made to folders that its kind can read, and how long they took.
import { readResult } from '../store/results.js';
import type { CacheLease } from './artifact-cache.js';
import type { InputValue } from './calls.js';
import type { Host } from './host.js';
import type { KindInput } from './kind.js';
import { stageInputs } from './stage-inputs.js';

export interface StagedShards {
  /** Outputs of each shard by name, in the order of the shards. */
  made: Record<string, KindInput>[];
  /** Seconds of all of them, one after the other. */
  seconds: number;
}

/** The outputs of the shards, readable on this host; null for a step that runs as one. Fails as stageInputs does. */
export async function stageShards(
  host: Pick<Host, 'store' | 'volatile'>,
  lease: CacheLease,
  shards: Record<string, InputValue>[] | undefined,
): Promise<StagedShards | null> {
  if (shards === undefined) return null;
  const made = await Promise.all(shards.map((outputs) => stageInputs(host, lease, outputs)));
  const keys = new Set(shards.flatMap((outputs) => Object.values(outputs).map(keyOf)));
  const results = await Promise.all([...keys].map((key) => readResult(host.store, key)));
  return { made, seconds: results.reduce((sum, result) => sum + (result?.seconds ?? 0), 0) };
}

const keyOf = (output: InputValue): string => (output as { $artifact: { key: string } }).$artifact.key;
