// Reads what rl.rollout left: the queries that were sampled, and an embedding a sample.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RolloutsManifest } from '../schemas/generated/rollouts.js';
import * as validators from '../schemas/generated/validators.js';
import type { Corpus } from './corpus.js';
import { isObject, readJsonl, stringField } from './jsonl.js';
import { dataError } from './retrieval-error.js';
import { readSafetensors, tensor } from './safetensors.js';

export interface Rollouts {
  manifest: RolloutsManifest;
  dimension: number;
  /** One a sampled query (replayed pairs are left out): its id and the rows of its positives. */
  queries: { id: string; positives: number[] }[];
  /** queries x group rows, query-major. */
  embeddings: Float32Array;
  /** Whether the sample is not malformed. */
  valid: Uint8Array;
  /** New tokens of each sample. */
  tokens: number[];
  /** The tokens of each without its last one, which ended it where it is valid. */
  reasonings: Int32Array[];
  /** queries rows: the embedding without reasoning. */
  plain: Float32Array;
}

const queryShape = 'an object with `query`, `text`, `role` (sample or replay) and `positives`, a list of document ids';

/** Reads a rollouts folder for ranking in an index over `corpus`. Fails with class `data`, and the place, when something does not fit. */
export async function readRollouts(dir: string, corpus: Corpus): Promise<Rollouts> {
  const manifest = await readManifest(dir);
  const queries = await readQueries(dir, corpus);
  if (queries.length !== manifest.queries) {
    throw dataError(
      'queries.jsonl',
      null,
      `${queries.length} queries of role sample; manifest.json says ${manifest.queries}`,
    );
  }
  const tensors = await readSafetensors(join(dir, 'rollouts.safetensors'), 'rollouts.safetensors');
  const embedding = tensor(tensors, 'embedding', 'F32', 'rollouts.safetensors');
  const valid = tensor(tensors, 'valid', 'U8', 'rollouts.safetensors');
  const samples = manifest.queries * manifest.group;
  const [rows = 0, dimension = 0] = embedding.shape;
  if (embedding.shape.length !== 2 || rows < samples || valid.data.length < samples) {
    throw dataError(
      'rollouts.safetensors',
      null,
      `${rows} embeddings and ${valid.data.length} flags for ${samples} samples`,
    );
  }
  const { data: offsets } = tensor(tensors, 'completion_offsets', 'I32', 'rollouts.safetensors');
  const { data: ids } = tensor(tensors, 'completion_ids', 'I32', 'rollouts.safetensors');
  const { data: plain } = tensor(tensors, 'plain_embedding', 'F32', 'rollouts.safetensors');
  if (offsets.length <= samples || plain.length !== manifest.queries * dimension) {
    const found = `${offsets.length} offsets of completions and ${plain.length / dimension} embeddings without reasoning`;
    throw dataError('rollouts.safetensors', null, `${found} for ${samples} samples of ${manifest.queries} queries`);
  }
  return {
    manifest,
    dimension,
    queries,
    embeddings: embedding.data.subarray(0, samples * dimension),
    valid: valid.data.subarray(0, samples),
    tokens: Array.from({ length: samples }, (_, i) => (offsets[i + 1] as number) - (offsets[i] as number)),
    reasonings: Array.from({ length: samples }, (_, i) =>
      ids.subarray(offsets[i] as number, Math.max(offsets[i] as number, (offsets[i + 1] as number) - 1)),
    ),
    plain,
  };
}

export interface ValidSamples {
  /** Row-major. */
  embeddings: Float32Array;
  positives: number[][];
  /** Places among all samples. */
  places: number[];
  /** Number of the query of each, from 0: samples of one query are a group. */
  groups: number[];
  /** Positives of all queries, those without a valid sample included, each once, in order. */
  golds: number[];
}

/** What a step without rollouts has. */
export const noSamples: ValidSamples = {
  embeddings: new Float32Array(0),
  positives: [],
  places: [],
  groups: [],
  golds: [],
};

/** The valid samples alone. Pure. */
export function validSamples(rollouts: Rollouts): ValidSamples {
  const { dimension, manifest } = rollouts;
  const places = [...rollouts.valid.keys()].filter((place) => rollouts.valid[place] !== 0);
  const embeddings = new Float32Array(places.length * dimension);
  places.forEach((place, i) => {
    embeddings.set(rollouts.embeddings.subarray(place * dimension, (place + 1) * dimension), i * dimension);
  });
  const groups = places.map((place) => Math.floor(place / manifest.group));
  const positives = groups.map((group) => rollouts.queries[group]?.positives ?? []);
  const golds = [...new Set(rollouts.queries.flatMap((query) => query.positives))];
  return { embeddings, positives, places, groups, golds };
}

async function readManifest(dir: string): Promise<RolloutsManifest> {
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as unknown;
  if (validators.rollouts(manifest)) return manifest as RolloutsManifest;
  const [first] = validators.rollouts.errors ?? [];
  throw dataError(
    'manifest.json',
    null,
    `this is not the manifest of rollouts: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  );
}

async function readQueries(dir: string, corpus: Corpus): Promise<Rollouts['queries']> {
  const queries: Rollouts['queries'] = [];
  for await (const { value, line, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', queryShape)) {
    const id = stringField(value, 'query', at);
    if (!isObject(value) || !Array.isArray(value['positives']))
      throw dataError('queries.jsonl', line, `expected ${queryShape}`);
    if (value['role'] === 'replay') continue;
    const positives = value['positives'].map((document: unknown) => {
      const row = typeof document === 'string' ? corpus.rowOf.get(document) : undefined;
      if (row === undefined) {
        throw dataError(
          'queries.jsonl',
          line,
          `the positive ${JSON.stringify(document)} of query ${JSON.stringify(id)} is not in the index; rollouts and index must come from the same dataset`,
        );
      }
      return row;
    });
    if (positives.length === 0)
      throw dataError('queries.jsonl', line, `query ${JSON.stringify(id)} has no positive, so nothing can be ranked`);
    queries.push({ id, positives });
  }
  return queries;
}
