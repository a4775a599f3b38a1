// What shards that encode leave for their step (index.shard, eval.shard, index.refresh-shard): files of rows, and a manifest that says which rows they are.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowFile } from '../../retrieval/write-index.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import { digestOf } from '../../schemas/identity.js';
import type { KindInput } from '../kind.js';
import { StepFailure } from '../kind.js';
import type { Stretch } from './corpus-layout.js';
import { artifactInput } from './inputs.js';

export const manifestFile = 'shard.json';

export interface EncodedStretch extends Stretch {
  /** Name in the folder. */
  file: string;
  /** The data set that they are of, where there are several. */
  set?: string;
}

export interface ShardManifest {
  schema: 1;
  stretches: EncodedStretch[];
  /** Digest of the list of rows of which the stretches are, where it is not all rows in order. */
  list?: string;
}

/** What a shard says of the list that it has a part of. Pure. */
export const listDigest = (list: readonly number[]): string => digestOf(canonicalJson(list));

/**
 * The files of rows of all shards, ascending by their first row: of one data set where there are several, of a list of rows where
 * they are of one. Fails with class `data` for a folder that is no shard's, `config` where a shard has another list.
 */
export async function readShards(
  shards: readonly Record<string, KindInput>[],
  { set = null, list }: { set?: string | null; list?: readonly number[] },
): Promise<(RowFile & Stretch)[]> {
  const found = await Promise.all(
    shards.map(async (outputs, i) => {
      const { path } = artifactInput(outputs, 'vectors');
      const { stretches, list: digest } = await readManifest(path);
      if (list !== undefined && digest !== listDigest(list))
        throw new StepFailure(
          'config',
          `Shard ${i + 1} has chosen other documents than the step itself. What a policy searches for is the same on machines of one kind only: leave \`shards\` out, or let all trainers be of one kind.`,
        );
      const own = stretches.filter((stretch) => (stretch.set ?? null) === set);
      return own.map(({ first, rows, file }) => ({ first, rows, file: join(path, file) }));
    }),
  );
  return found.flat().sort((a, b) => a.first - b.first);
}

async function readManifest(dir: string): Promise<ShardManifest> {
  try {
    return JSON.parse(await readFile(join(dir, manifestFile), 'utf8')) as ShardManifest;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StepFailure('data', `A shard has no readable ${manifestFile}: ${reason}`);
  }
}

/** The files that make up these rows. Fails with class `internal` when rows are missing or there twice. */
export function coveringFiles(files: readonly (RowFile & Stretch)[], { first, rows }: Stretch): RowFile[] {
  const own = files.filter((file) => file.first >= first && file.first < first + rows);
  let next = first;
  for (const file of own) {
    if (file.first !== next) break;
    next += file.rows;
  }
  if (next === first + rows) return own;
  throw new StepFailure(
    'internal',
    `Internal error: the shards hold ${next - first} rows in a row from row ${first}, and not the ${rows} that belong there.`,
  );
}
