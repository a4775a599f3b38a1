// eval.retrieval over shards: the same report, whatever the number of shards.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineRun, KindInput, LocalArtifact } from '../../../activities/kind.js';
import { blockRows } from '../../../activities/kinds/corpus-layout.js';
import { run as evaluate } from '../../../activities/kinds/eval-retrieval.js';
import { run as encodeShard } from '../../../activities/kinds/eval-shard.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { evaluationDefaults } from './evaluation-defaults.js';
import { smallDataset, smallModel } from './small-dataset.js';
import { dimension, fakeContext, readLines, wordEngine, writeLines } from './word-model.js';

type Inputs = Record<string, KindInput>;

let root: string;
/** Corpora of 60, 30 and one document more than a block. */
let sets: Record<string, LocalArtifact>;
let model: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

/** Stands in for the trainer: a vector depends on the text and on the block of rows that it is encoded in. */
function blockEngine(run: EngineRun): void {
  const { rows: file, texts, out, role } = run.inputs as Record<string, string>;
  if (role !== 'document') return wordEngine(run);
  const lines = readLines(texts ?? '') as { text: string }[];
  const asked = file == null ? [...lines.keys()] : (JSON.parse(readFileSync(file, 'utf8')) as number[]);
  const vectors = new Float32Array(asked.length * dimension);
  for (let at = 0; at < asked.length; at += blockRows) {
    const block = asked.slice(at, at + blockRows);
    const beside = createHash('sha256')
      .update(`${(block[0] ?? 0) + block.length}`)
      .digest();
    block.forEach((row, i) => {
      const own = createHash('md5')
        .update(lines[row]?.text ?? '')
        .digest();
      for (let j = 0; j < dimension; j++)
        vectors[(at + i) * dimension + j] = (own[j] as number) + (beside[j] as number) - 256;
    });
  }
  writeFileSync(out ?? '', new Uint8Array(vectors.buffer));
}

async function contextOf(inputs: Inputs) {
  const context = await fakeContext({ model, ...inputs }, { engine: blockEngine });
  cleanUp.push(() => context.remove());
  return context;
}

interface Evaluated {
  report: string;
  queries: string;
  metrics: Record<string, number | null>;
  /** Documents that each shard encoded. */
  shares: (number | null | undefined)[];
  /** Documents that the step encoded itself. */
  encodings: number;
}

async function evaluated(data: KindInput, shards: number): Promise<Evaluated> {
  const made: Inputs[] = [];
  const shares: Evaluated['shares'] = [];
  for (let shard = 1; shard <= shards && shards > 1; shard++) {
    const one = await contextOf({ data, batch: 8, shard, shards });
    shares.push((await encodeShard(one))['rows']);
    made.push({ vectors: { path: one.outputs['vectors'] ?? '', identity: `s${shard}/vectors`, type: 'folder' } });
  }
  const context = await contextOf({ ...evaluationDefaults, modes: ['plain'], data });
  const metrics = await evaluate({ ...context, shards: shards > 1 ? made : null });
  const read = (name: string): string => readFileSync(join(context.outputs['report'] ?? '', name), 'utf8');
  const encodings = context.calls.filter(({ inputs }) => inputs['role'] === 'document').length;
  return { report: read('report.json'), queries: read('queries.jsonl'), metrics, shares, encodings };
}

const outcome = ({ report, queries, metrics }: Evaluated) => ({ report, queries, metrics });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-eval-shards-'));
  model = smallModel(root, 'sft/model');
  const large = smallDataset(join(root, 'large'), 30);
  const more = Array.from({ length: blockRows - 29 }, (_, i) => ({ _id: `more${i}`, text: `number ${i}` }));
  writeLines(join(large.artifact.path, 'corpus.jsonl'), [...large.documents, ...more]);
  // The last document, alone in its block, is the answer to a query.
  const qrels = large.queries.map(({ _id }, i) => ({ query: _id, document: `d${i}`, grade: 1 }));
  const last = { query: 'q1', document: more.at(-1)?._id, grade: 2 };
  writeLines(join(large.artifact.path, 'qrels.jsonl'), [...qrels, last]);
  const named = (dir: string, size: number): LocalArtifact => smallDataset(join(root, dir), size).artifact;
  sets = { a: named('a', 60), b: named('b', 30), c: large.artifact };
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('an evaluation over shards', () => {
  it('reports the same bytes of one corpus, of which each shard encodes whole blocks', async () => {
    const [one, three] = [await evaluated(sets['c'] ?? null, 1), await evaluated(sets['c'] ?? null, 3)];
    expect(outcome(three)).toEqual(outcome(one));
    expect([three.shares, one.encodings, three.encodings]).toEqual([[0, blockRows, 1], 1, 0]);
  });

  it('reports the same bytes of several data sets, whose blocks the shards take in turn', async () => {
    const [one, three] = [await evaluated(sets, 1), await evaluated(sets, 3)];
    expect(outcome(three)).toEqual(outcome(one));
    expect([three.shares, one.encodings, three.encodings]).toEqual([[60, 30, blockRows + 1], 3, 0]);
  });

  it('is not made where a shard is missing', async () => {
    const one = await contextOf({ data: sets, batch: 8, shard: 1, shards: 2 });
    await encodeShard(one);
    const vectors: KindInput = { path: one.outputs['vectors'] ?? '', identity: 's1/vectors', type: 'folder' };
    const context = await contextOf({ ...evaluationDefaults, modes: ['plain'], data: sets });
    await expect(evaluate({ ...context, shards: [{ vectors }] })).rejects.toMatchObject({
      failureClass: 'internal',
      message: expect.stringContaining('0 rows in a row from row 0') as string,
    });
  });
});
