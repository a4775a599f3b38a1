// What index.ranks leaves for rl.reward: per query the documents of its share of the index that count against it, as a sum is made of.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CountInput } from '../../retrieval/exact-search.js';
import type { CountSearch } from '../../retrieval/ranks.js';
import { bytesOf } from '../../retrieval/raw-array.js';
import type { Share } from '../../retrieval/share.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindInput } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput } from './inputs.js';

const countsFile = 'counts.json';

interface ShareCounts extends Share {
  schema: 1;
  /** Digest of what was counted: queries, thresholds and rows that never count. */
  task: string;
  /** By query. */
  counts: number[];
}

/** Writes what one share of the index counts of a task. */
export async function writeCounts(dir: string, task: CountInput, share: Share, counts: Int32Array): Promise<void> {
  const written: ShareCounts = { schema: 1, task: digestOf(task), ...share, counts: [...counts] };
  await writeFile(join(dir, countsFile), `${canonicalJson(written)}\n`);
}

/**
 * The search that asks no index, but adds up what the shards of the step have counted. Fails with class `data` for a folder that is no
 * shard's, `internal` where shards are missing, or have counted something else.
 */
export const countedBy =
  (shards: readonly Record<string, KindInput>[]): CountSearch =>
  async (task) => {
    const found = await Promise.all(shards.map((outputs) => readCounts(artifactInput(outputs, 'counts').path)));
    const [digest, queries] = [digestOf(task), task.thresholds.length];
    found.forEach((one, i) => {
      if (one.task !== digest || one.counts.length !== queries)
        throw wrong(`shard ${i + 1} has counted for other queries than these ${queries}`);
      if (one.shard !== i + 1 || one.shards !== shards.length)
        throw wrong(`shard ${one.shard} of ${one.shards} stands in place of ${i + 1} of ${shards.length}`);
    });
    return Int32Array.from({ length: queries }, (_, query) =>
      found.reduce((sum, { counts }) => sum + (counts[query] as number), 0),
    );
  };

const wrong = (what: string): StepFailure => new StepFailure('internal', `Internal error: ${what}.`);

async function readCounts(dir: string): Promise<ShareCounts> {
  try {
    return JSON.parse(await readFile(join(dir, countsFile), 'utf8')) as ShareCounts;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StepFailure('data', `A shard of the ranks has no readable ${countsFile}: ${reason}`);
  }
}

function digestOf({ queries, thresholds, excluded }: CountInput): string {
  const hash = createHash('sha256').update(bytesOf(queries)).update(bytesOf(thresholds));
  for (const rows of excluded) hash.update(`${Array.from(rows).join()};`);
  return hash.digest('hex');
}
