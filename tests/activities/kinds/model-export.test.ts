// model.export with the real trainer: its ONNX graph in onnxruntime-node, against the embeddings of the trainer.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from '../../../activities/engine/engine.js';
import type { EngineDone, KindContext } from '../../../activities/kind.js';
import { run as exportModel } from '../../../activities/kinds/model-export.js';

const repository = resolve(import.meta.dirname, '../../..');
/** What docs/export.md states for weights in float32. */
const bound = { difference: 1e-5, cosine: 0.999999 };
let root: string;
let engine: Engine;
let one: Exported;
let two: Exported;

interface Exported {
  graph: string;
  ids: number[][];
  /** The trainer's embedding of each. */
  wanted: number[][];
}

const run = (op: string, folder: string, inputs: Record<string, unknown>, seed = 1): Promise<EngineDone> =>
  engine.run(
    {
      id: folder,
      op,
      inputs,
      seed,
      workDir: join(root, folder),
      checkpoint: { everySteps: null, everyMs: null },
      resume: null,
    },
    () => undefined,
    new AbortController().signal,
  );
const made = (folder: string, name: string, type: string) => ({
  path: join(root, folder, 'outputs', name),
  identity: folder,
  type,
});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-export-'));
  engine = createEngine({
    command: join(repository, '.pawl', 'python', 'bin', 'python'),
    args: ['-m', 'pawl_trainer'],
    pythonPath: join(repository, 'trainer'),
    logFile: join(root, 'trainer.log'),
    threads: 1,
    cacheBytes: 1e8,
    startTimeoutMs: 120_000,
    killGraceMs: 2_000,
    cancelGraceMs: 10_000,
  });
  await writeDataset(join(root, 'data', 'outputs', 'dataset'));
  one = await exported('one', 1);
  two = await exported('two', 2);
}, 600_000);
afterAll(async () => {
  await engine.stop();
  await rm(root, { recursive: true, force: true });
});

describe('model.export', () => {
  it('embeds as the trainer does, alone and padded on either side', async () => {
    const session = await InferenceSession.create(one.graph);
    const alone = [];
    for (const ids of one.ids) alone.push(...(await embed(session, [ids], 'left')));
    for (const found of [alone, await embed(session, one.ids, 'left'), await embed(session, one.ids, 'right')])
      expectSame(found, one.wanted);
  });

  it('makes the same graph for another checkpoint: the file of weights is all that changes', async () => {
    expect((await readFile(two.graph)).equals(await readFile(one.graph))).toBe(true);
    const swapped = join(root, 'model.onnx');
    await copyFile(one.graph, swapped);
    await copyFile(`${two.graph}.data`, `${swapped}.data`);
    const session = await InferenceSession.create(swapped);
    const found = await embed(session, one.ids, 'left');
    expectSame(found, two.wanted);
    expect(() => expectSame(found, one.wanted)).toThrow();
  });
});

/** A model with weights of its own, exported by the implementation of the kind. */
async function exported(name: string, seed: number): Promise<Exported> {
  for (const folder of ['', 'export']) await mkdir(join(root, name, folder), { recursive: true });
  await run('model_init', name, { data: made('data', 'dataset', 'dataset'), preset: 'test', vocab: 320 }, seed);
  const inputs = { model: made(name, 'model', 'model'), onnx: 'float32', sentence_transformers: true };
  const engine: KindContext['engine'] = (job) => run(job.op, `${name}/export`, job.inputs);
  const metrics = await exportModel({ inputs, seed, engine } as unknown as KindContext);
  expect(metrics['difference']).toBeLessThanOrEqual(bound.difference);
  const folder = join(root, name, 'export', 'outputs', 'export');
  const manifest = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8')) as {
    onnx: { graph: string };
    probes: { ids: number[]; embedding: number[] }[];
  };
  return {
    graph: join(folder, manifest.onnx.graph),
    ids: manifest.probes.map(({ ids }) => ids),
    wanted: manifest.probes.map(({ embedding }) => embedding),
  };
}

async function embed(session: InferenceSession, rows: number[][], side: 'left' | 'right'): Promise<Float32Array[]> {
  const width = Math.max(...rows.map((row) => row.length)) + 3;
  const padded = (values: number[][], fill: number): Tensor => {
    const cells = values.flatMap((row) => {
      const padding = Array.from({ length: width - row.length }, () => fill);
      return side === 'left' ? [...padding, ...row] : [...row, ...padding];
    });
    return new Tensor('int64', BigInt64Array.from(cells, BigInt), [rows.length, width]);
  };
  const found = await session.run({
    input_ids: padded(rows, 0),
    attention_mask: padded(
      rows.map((row) => row.map(() => 1)),
      0,
    ),
  });
  const all = found['sentence_embedding']?.data as Float32Array;
  const dimension = all.length / rows.length;
  return rows.map((_, row) => all.slice(row * dimension, (row + 1) * dimension));
}

function expectSame(found: Float32Array[], wanted: number[][]): void {
  for (const [row, vector] of wanted.entries()) {
    const other = found[row] ?? new Float32Array(vector.length);
    expect(Math.max(...vector.map((value, place) => Math.abs(value - (other[place] ?? NaN))))).toBeLessThanOrEqual(
      bound.difference,
    );
    const cosine = vector.reduce((sum, value, place) => sum + value * (other[place] ?? NaN), 0);
    expect(cosine).toBeGreaterThanOrEqual(bound.cosine);
  }
}

async function writeDataset(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines: Record<string, object[]> = {
    corpus: [{ _id: 'd', text: 'apple river stone cloud music garden letter window' }],
    queries: [{ _id: 'q', text: 'find apple river', split: 'sft' }],
    qrels: [{ query: 'q', document: 'd', grade: 1 }],
    reasoning: [],
    pairs: [],
  };
  for (const [name, rows] of Object.entries(lines))
    await writeFile(join(folder, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
