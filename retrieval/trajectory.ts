// A recorded trajectory: of each iteration of a loop, the embeddings of the whole corpus by that iteration's policy, and its rollouts.
// A folder: manifest.json, corpus.jsonl, and per iteration a file of vectors and a folder with the rollouts. Files are shared with the trajectory before.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../schemas/canonical-json.js';
import { readCorpus, type Corpus } from './corpus.js';
import { isObject } from './jsonl.js';
import { linkFile } from './link-file.js';
import { bytesOf, nameByContent, readArray, sha256File } from './raw-array.js';
import { RetrievalError } from './retrieval-error.js';
import { readRollouts, validSamples, type ValidSamples } from './rollouts.js';
import { emptyShard, inMemory, type VectorIndex } from './vector-index.js';

export interface RecordedIteration {
  /** Identity of the policy. */
  model: string;
  /** Name of the file of raw float32 vectors, rows x dimension. */
  vectors: string;
  /** Name of the folder with the rollouts. */
  rollouts: string;
}

export interface TrajectoryManifest {
  schema: 1;
  kind: 'trajectory';
  rows: number;
  dimension: number;
  corpusDigest: string;
  iterations: RecordedIteration[];
}

/** What one more iteration brings; paths of files and folders that are linked, not copied. */
export interface NextIteration {
  model: string;
  rows: number;
  dimension: number;
  corpus: string;
  vectors: string;
  rollouts: string;
}

/** manifest.json of a trajectory. Fails with class `data` when the folder is none. */
export async function readTrajectory(dir: string): Promise<TrajectoryManifest> {
  const text = await readFile(join(dir, 'manifest.json'), 'utf8').catch(() => 'null');
  const value = parsed(text);
  if (isObject(value) && value['kind'] === 'trajectory' && value['schema'] === 1)
    return value as unknown as TrajectoryManifest;
  throw new RetrievalError(
    'data',
    'the folder is no recorded trajectory; index.record makes one, an iteration at a time',
  );
}

/** Writes the trajectory `before` (a folder, or null at the first iteration) with one more iteration into an empty folder. */
export async function writeTrajectory(
  dir: string,
  before: string | null,
  next: NextIteration,
): Promise<TrajectoryManifest> {
  const known = before === null ? null : await readTrajectory(before);
  const corpusDigest = `sha256:${await sha256File(next.corpus)}`;
  if (known !== null) checkSame(known, { ...next, corpusDigest });
  await linkFile(next.corpus, join(dir, 'corpus.jsonl'));
  for (const { vectors, rollouts } of known?.iterations ?? []) {
    await linkOnce(join(before ?? '', vectors), join(dir, vectors));
    await linkFolder(join(before ?? '', rollouts), join(dir, rollouts));
  }
  const number = known?.iterations.length ?? 0;
  const rollouts = `rollouts-${number}`;
  await linkFile(next.vectors, join(dir, `vectors-${number}.f32`));
  await linkFolder(next.rollouts, join(dir, rollouts));
  const vectors = await nameByContent(join(dir, `vectors-${number}.f32`));
  const { rows, dimension, model } = next;
  const iterations = [...(known?.iterations ?? []), { model, vectors, rollouts }];
  const manifest: TrajectoryManifest = { schema: 1, kind: 'trajectory', rows, dimension, corpusDigest, iterations };
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson(manifest)}\n`);
  return manifest;
}

export interface OpenTrajectory {
  manifest: TrajectoryManifest;
  corpus: Corpus;
  /** The whole corpus as the policy of an iteration embeds it. */
  full(iteration: number): Promise<VectorIndex>;
  /** The valid samples of an iteration. */
  samples(iteration: number): Promise<ValidSamples>;
}

/** A trajectory to read from; one iteration is read at a time. */
export async function openTrajectory(dir: string): Promise<OpenTrajectory> {
  const manifest = await readTrajectory(dir);
  const corpus = await readCorpus(join(dir, 'corpus.jsonl'));
  const { rows, dimension } = manifest;
  const at = (iteration: number): RecordedIteration => {
    const found = manifest.iterations[iteration];
    if (found === undefined) throw new Error(`Internal error: iteration ${iteration} of ${manifest.iterations.length}`);
    return found;
  };
  return {
    manifest,
    corpus,
    async full(iteration) {
      const { vectors } = at(iteration);
      const shard = emptyShard(0, rows, dimension);
      const wrong = (bytes: number): RetrievalError =>
        new RetrievalError('artifact_damaged', `${vectors} has ${bytes} bytes, not those of ${rows} rows`);
      await readArray(join(dir, vectors), bytesOf(inMemory(shard)), wrong);
      return { dimension, type: 'float32', rows, shards: [shard] };
    },
    samples: async (iteration) => validSamples(await readRollouts(join(dir, at(iteration).rollouts), corpus)),
  };
}

function checkSame(known: TrajectoryManifest, next: { rows: number; dimension: number; corpusDigest: string }): void {
  if (known.corpusDigest === next.corpusDigest && known.dimension === next.dimension) return;
  throw new RetrievalError(
    'data',
    `the trajectory holds ${known.rows} documents in ${known.dimension} dimensions, this iteration ${next.rows} in ${next.dimension}, or other documents; record one data set and one shape of model in a trajectory`,
  );
}

async function linkFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) await linkFile(join(from, name), join(to, name));
}

/** Two iterations of one policy have one file of vectors. */
const linkOnce = (from: string, to: string): Promise<void> =>
  linkFile(from, to).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
