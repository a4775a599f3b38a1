// Stands in for the trainer: a context whose engine embeds text by its words, deterministically, so that a kind's own work can be
// checked. The vectors of a word move a little with the identity of the model, as they do when a policy is updated.
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineRun, KindContext, KindInput, LocalArtifact } from '../../../activities/kind.js';
import { seededRandom } from '../../../retrieval/random.js';

export const dimension = 16;

/** Unit vector of a text under a model; `drift` of 0 is the same for all models. */
export function embed(text: string, model: string, drift = 0.3): Float32Array {
  const sum = new Float64Array(dimension);
  for (const word of text.toLowerCase().split(/\W+/).filter(Boolean)) {
    add(sum, word, 1);
    add(sum, `${model} ${word}`, drift);
  }
  const norm = Math.hypot(...sum) || 1;
  return Float32Array.from(sum, (x) => x / norm);
}

function add(sum: Float64Array, purpose: string, weight: number): void {
  const random = seededRandom(0, purpose);
  for (let i = 0; i < dimension; i++) sum[i] = (sum[i] as number) + weight * (random.bits() / 2 ** 31 - 1);
}

export interface FakeContext extends KindContext {
  root: string;
  /** Operations that the kind asked for. */
  calls: EngineRun[];
  outputs: Record<string, string>;
  warnings: string[];
}

/** A context with folders of its own under the system's temporary folder; `remove` takes them away. */
export async function fakeContext(
  inputs: Record<string, KindInput>,
  options: { seed?: number; engine?: (run: EngineRun) => void } = {},
): Promise<FakeContext & { remove: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'pawl-kind-'));
  const workDir = join(root, 'work');
  await mkdir(workDir);
  const calls: EngineRun[] = [];
  const outputs: Record<string, string> = {};
  const warnings: string[] = [];
  return {
    warnings,
    root,
    calls,
    outputs,
    inputs,
    shards: null,
    seed: options.seed ?? 7,
    attempt: 1,
    workDir,
    async outputDir(name) {
      const dir = join(root, 'outputs', name);
      await mkdir(dir, { recursive: true });
      outputs[name] = dir;
      return dir;
    },
    resume: null,
    saveCheckpoint: () => Promise.reject(new Error('these kinds have no checkpoints')),
    checkpoint: { everySteps: null, everyMs: null },
    engine(run) {
      calls.push(run);
      (options.engine ?? wordEngine)(run);
      return Promise.resolve({ metrics: {}, seconds: 0, figures: {} });
    },
    metric: () => undefined,
    progress: () => undefined,
    output: () => undefined,
    log: () => undefined,
    warn: (message) => void warnings.push(message),
    signal: new AbortController().signal,
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** The operations `encode` and `reason`. A reasoning repeats the query; one of a query with the word `malformed` is cut off, with `odd` not strict. */
export function wordEngine({ op, inputs }: EngineRun): void {
  const model = (inputs['model'] as LocalArtifact).identity;
  const texts = readLines(inputs['texts'] as string) as { _id: string; text: string }[];
  if (op === 'encode') {
    const rows =
      inputs['rows'] === null
        ? texts.map((_, i) => i)
        : (JSON.parse(readFileSync(inputs['rows'] as string, 'utf8')) as number[]);
    writeVectors(
      inputs['out'] as string,
      rows.map((row) => embed(texts[row]?.text ?? '', model)),
    );
  } else if (op === 'reason') {
    const samples = texts.flatMap(({ _id, text }) =>
      Array.from({ length: inputs['samples'] as number }, (_, sample) => ({
        query: _id,
        sample,
        text,
        valid: !text.includes('malformed'),
      })),
    );
    writeVectors(
      inputs['out'] as string,
      samples.map(({ text, valid }) => (valid ? embed(text, model) : new Float32Array(dimension))),
    );
    writeFileSync(
      inputs['samples_out'] as string,
      samples
        .map(
          (one) =>
            `${JSON.stringify({ ...one, strict: one.valid && !one.text.includes('odd'), finish: one.valid ? 'embed' : 'length' })}\n`,
        )
        .join(''),
    );
  } else throw new Error(`no operation ${op} here`);
}

function writeVectors(path: string, vectors: Float32Array[]): void {
  writeFileSync(path, Buffer.concat(vectors.map((vector) => new Uint8Array(vector.buffer))));
}

/** The values of a JSON Lines file. */
export const readLines = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

export const writeLines = (path: string, values: unknown[]): void => {
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
};
