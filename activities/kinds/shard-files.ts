// What index.shard leaves for index.build, and eval.shard for eval.retrieval: files of rows, and a manifest that says which rows they are.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowFile } from '../../retrieval/write-index.js';
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

/**
 * The files of rows of all shards, of one data set where there are several, ascending by their first row. Fails with class `data` for a
 * folder that is no shard's.
 */
export async function readShards(
  shards: readonly Record<string, KindInput>[],
  set: string | null,
): Promise<(RowFile & Stretch)[]> {
  const found = await Promise.all(
    shards.map(async (outputs) => {
      const { path } = artifactInput(outputs, 'vectors');
      const { stretches } = await readManifest(path);
      const own = stretches.filter((stretch) => (stretch.set ?? null) === set);
      return own.map(({ first, rows, file }) => ({ first, rows, file: join(path, file) }));
    }),
  );
  return found.flat().sort((a, b) => a.first - b.first);
}

async function readManifest(dir: string): Promise<{ stretches: EncodedStretch[] }> {
  try {
    return JSON.parse(await readFile(join(dir, manifestFile), 'utf8')) as { stretches: EncodedStretch[] };
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
