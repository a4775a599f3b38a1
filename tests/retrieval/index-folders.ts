// Index folders of random vectors for tests: in any number of shards, of either type.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadIndex, readIndexManifest, type LoadedIndex } from '../../retrieval/read-index.js';
import type { RowType } from '../../retrieval/row-files.js';
import { planShards, rowsOfType } from '../../retrieval/vector-index.js';
import { writeBuiltIndex, writeRefreshedIndex } from '../../retrieval/write-index.js';
import { randomUnitVectors } from './random-vectors.js';

export interface IndexFolder {
  path: string;
  identity: string;
}

/** Builds an index of the vectors under `root`; document i is `di` with the text `ti`. */
export async function builtFolder(
  root: string,
  input: { vectors: Float32Array; dimension: number; shardRows: number; type?: RowType },
): Promise<IndexFolder> {
  const { vectors, dimension, shardRows, type = 'float32' } = input;
  const path = join(mkdtempSync(join(root, 'built-')), 'index');
  mkdirSync(path);
  const rows = vectors.length / dimension;
  const corpus = join(root, 'corpus.jsonl');
  writeFileSync(corpus, Array.from({ length: rows }, (_, i) => `{"_id":"d${i}","text":"t${i}"}\n`).join(''));
  const shards = planShards(rows, shardRows).map((part, i) => {
    const file = join(path, `base-${i}.raw`);
    const own = vectors.subarray(part.first * dimension, (part.first + part.rows) * dimension);
    writeFileSync(file, rowsOfType(own, type));
    return { ...part, file };
  });
  await writeBuiltIndex({ dir: path, corpus, dimension, type, model: 'm0', shards });
  return { path, identity: path };
}

/** The next version, its rows `changed` drawn anew; `compactAbove` as in index.refresh. */
export async function refreshedFolder(
  root: string,
  from: IndexFolder,
  input: { model: string; changed: number[]; compactAbove?: number; current?: LoadedIndex },
): Promise<IndexFolder> {
  const { model, changed, compactAbove = 10 } = input;
  const path = join(mkdtempSync(join(root, 'refreshed-')), 'index');
  mkdirSync(path);
  const current = input.current ?? (await loadIndex(from.path, await readIndexManifest(from.path)));
  const vectors = randomUnitVectors(changed.length, current.index.dimension, changed[0] ?? 0);
  const refreshed = { rows: Uint32Array.from(changed), vectors, model };
  await writeRefreshedIndex({ dir: path, from: from.path, current, refreshed, compactAbove });
  return { path, identity: path };
}
