// CoSQA and XQuAD themselves, where they lie in ../shared/data beside the repository; nothing of them is kept here.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bm25Ranks } from '../../../retrieval/bm25-ranks.js';
import { idOrderOf, readCorpus } from '../../../retrieval/corpus.js';
import { readSplit, relevantInSplits } from '../../../retrieval/dataset.js';
import { readCosqa } from '../../../retrieval/formats/cosqa.js';
import { readXquad } from '../../../retrieval/formats/xquad.js';
import { queryFigures } from '../../../retrieval/report.js';
import { written } from './dataset-files.js';

const data = resolve('..', 'shared', 'data');
const isThere = existsSync(join(data, 'cosqa')) && existsSync(join(data, 'xquad'));
if (!isThere) process.stderr.write(`SKIPPED: CoSQA and XQuAD are not in ${data}\n`);

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-real-'));
  folders.push(folder);
  return folder;
}

/** nDCG@10 of BM25 over the split test. */
async function bm25(dir: string): Promise<number> {
  const path = join(dir, 'corpus.jsonl');
  const corpus = await readCorpus(path);
  const { queries } = await readSplit(dir, 'test', corpus);
  const ranks = await bm25Ranks({
    corpus: path,
    queries: queries.map(({ text }) => text),
    relevant: queries.map(({ relevant }) => relevant.map(({ row }) => row)),
    ignored: [],
    idOrder: idOrderOf(corpus.ids),
    settings: { k1: 1.2, b: 0.75 },
  });
  const values = queries.map(({ id, relevant }, i) => {
    const judged = relevant.map(({ grade }, j) => ({ grade, rank: ranks[i]?.[j] || null }));
    return queryFigures(id, 'bm25', [{ judged }]).ndcg_at_10;
  });
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe.skipIf(!isThere)('real data (../shared/data)', () => {
  it('CoSQA has 500 queries of test, 422 of them with an answer that dev does not have', async () => {
    const dir = await newFolder();
    const { manifest } = await written(await readCosqa(join(data, 'cosqa')), dir);
    expect(manifest).toMatchObject({ corpus: 6267, queries: { dev: 500, test: 500 } });
    const corpus = await readCorpus(join(dir, 'corpus.jsonl'));
    const seen = await relevantInSplits(dir, ['dev'], corpus);
    const { queries } = await readSplit(dir, 'test', corpus);
    expect(queries.filter(({ relevant }) => !relevant.some(({ row }) => seen.has(row)))).toHaveLength(422);
    // Without splitting identifiers the same BM25 has .342.
    expect(await bm25(dir)).toBeGreaterThan(0.36);
  });

  it('XQuAD has 240 parallel paragraphs, and BM25 finds Chinese ones without spaces between words', async () => {
    const dir = await newFolder();
    const source = await readXquad(join(data, 'xquad'), { language: 'zh', documents: 'zh' });
    expect((await written(source, dir)).manifest).toMatchObject({ corpus: 240, queries: { test: 1190 } });
    expect(await bm25(dir)).toBeGreaterThan(0.8);
    const across = await readXquad(join(data, 'xquad'), { language: 'de', documents: 'en' });
    expect((await written(across, await newFolder())).queries).toHaveLength(1190);
  });
});
