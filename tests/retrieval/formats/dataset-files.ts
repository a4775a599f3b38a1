// Writes small files of a format into a temporary folder, reads them and gives back the dataset that they become.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Source } from '../../../retrieval/source.js';
import { writeDataset } from '../../../retrieval/write-dataset.js';
import type { DatasetManifest } from '../../../schemas/generated/dataset.js';
import * as validators from '../../../schemas/generated/validators.js';

export interface MadeDataset {
  manifest: DatasetManifest;
  corpus: { _id: string; text: string }[];
  queries: { _id: string; text: string; split: string }[];
  qrels: { query: string; document: string; grade: number }[];
  negatives: unknown[];
  reasoning: unknown[];
}

/** A file is a text, lines of JSON, or any other value as one JSON text; a name that ends in .gz is compressed. */
export async function datasetFrom(
  read: (folder: string) => Promise<Source>,
  files: Record<string, unknown>,
): Promise<MadeDataset> {
  const root = await mkdtemp(join(tmpdir(), 'pawl-format-'));
  try {
    const folder = join(root, 'in');
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      const text = textOf(name, content);
      writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(text) : text);
    }
    return await written(await read(folder), join(root, 'out'));
  } finally {
    await rm(root, { recursive: true });
  }
}

/** The dataset of a source, written into a folder that is made. */
export async function written(source: Source, dir: string): Promise<MadeDataset> {
  mkdirSync(dir, { recursive: true });
  const manifest = await writeDataset(source, dir);
  if (!validators.dataset(manifest)) throw new Error('the manifest does not follow its schema');
  const lines = (name: string): unknown[] =>
    existsSync(join(dir, name))
      ? readFileSync(join(dir, name), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as unknown)
      : [];
  return {
    manifest,
    corpus: lines('corpus.jsonl') as MadeDataset['corpus'],
    queries: lines('queries.jsonl') as MadeDataset['queries'],
    qrels: lines('qrels.jsonl') as MadeDataset['qrels'],
    negatives: lines('negatives.jsonl'),
    reasoning: lines('reasoning.jsonl'),
  };
}

function textOf(name: string, content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content) && /\.jsonl(\.gz)?$/.test(name))
    return content.map((row) => `${JSON.stringify(row)}\n`).join('');
  return JSON.stringify(content);
}
