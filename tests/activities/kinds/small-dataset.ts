// A dataset of invented sentences and a model folder for tests of the kinds of the index.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalArtifact } from '../../../activities/kind.js';
import { drawWithout, seededRandom } from '../../../retrieval/random.js';
import { writeSafetensors, type TensorValue } from '../../../retrieval/safetensors.js';
import { dimension, embed, writeLines } from './word-model.js';

const words = 'red green blue stone river cloud paper lamp wolf door seven north salt wheel glass moon iron seed'.split(
  ' ',
);

export interface SmallDataset {
  artifact: LocalArtifact;
  documents: { _id: string; text: string }[];
  queries: { _id: string; text: string; split: string }[];
}

/** `size` documents of 5 words; query i asks for document i by 2 of its words. The last document has the text of the first. */
export function smallDataset(dir: string, size = 60): SmallDataset {
  const random = seededRandom(1, 'small dataset');
  const pick = (): string[] => drawWithout([...words.keys()], 5, random).map((i) => words[i] as string);
  const documents = Array.from({ length: size }, (_, i) => ({ _id: `d${i}`, text: pick().join(' ') }));
  (documents[size - 1] as { text: string }).text = documents[0]?.text ?? '';
  const queries = documents.slice(0, 20).map(({ text }, i) => ({
    _id: `q${i}`,
    text: text.split(' ').slice(0, 2).join(' '),
    split: i < 10 ? 'test' : 'rl',
  }));
  const path = join(dir, 'dataset');
  mkdirSync(path, { recursive: true });
  writeLines(join(path, 'corpus.jsonl'), documents);
  writeLines(join(path, 'queries.jsonl'), queries);
  writeLines(
    join(path, 'qrels.jsonl'),
    queries.map((query, i) => ({ query: query._id, document: `d${i}`, grade: 1 })),
  );
  return { artifact: { path, identity: 'data/dataset', type: 'dataset' }, documents, queries };
}

/** A model folder as far as these kinds read it. */
export function smallModel(dir: string, identity: string, size = dimension): LocalArtifact {
  const path = join(dir, `model-${identity.replaceAll('/', '-')}`);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'pawl.json'), JSON.stringify({ dimension: size }));
  return { path, identity, type: 'model' };
}

/** Rollouts of the rl queries: `group` samples each, the first of query q10 malformed, and one replayed pair behind. Sample i has i % 4 + 1 tokens. */
export async function smallRollouts(dir: string, data: SmallDataset, model: string, group = 3): Promise<LocalArtifact> {
  const path = join(dir, 'rollouts');
  mkdirSync(path, { recursive: true });
  const queries = data.queries.filter((query) => query.split === 'rl');
  const samples = queries.length * group;
  const embedding = new Float32Array((samples + 1) * dimension);
  const valid = new Uint8Array(samples + 1).fill(1);
  valid[0] = 0;
  for (let i = 1; i <= samples; i++) {
    const query = queries[Math.floor(i / group)];
    embedding.set(embed(`${query?.text ?? 'replay'} ${words[i % group] as string}`, model), i * dimension);
  }
  const plain = new Float32Array(queries.length * dimension);
  queries.forEach(({ text }, i) => plain.set(embed(text, model), i * dimension));
  const prompts = raggedOf([...valid.keys()].map((i) => [1, i]));
  const completions = raggedOf(
    [...valid.keys()].map((i) => Array.from({ length: (i % 4) + 1 }, (_, at) => 10 * i + at)),
  );
  const logprobs = Float32Array.from(completions.values, (id) => -id / 100);
  await writeSafetensors(join(path, 'rollouts.safetensors'), {
    embedding: { type: 'F32', shape: [samples + 1, dimension], data: embedding },
    valid: { type: 'U8', shape: [samples + 1], data: valid },
    plain_embedding: { type: 'F32', shape: [queries.length, dimension], data: plain },
    prompt_ids: prompts.ids,
    prompt_offsets: prompts.offsets,
    completion_ids: completions.ids,
    completion_offsets: completions.offsets,
    loss_mask: { type: 'U8', shape: completions.ids.shape, data: new Uint8Array(logprobs.length).fill(1) },
    sampler_logprobs: { type: 'F32', shape: completions.ids.shape, data: logprobs },
    old_logprobs: { type: 'F32', shape: completions.ids.shape, data: logprobs },
  });
  writeLines(join(path, 'queries.jsonl'), [
    ...queries.map(({ _id, text }) => ({ query: _id, text, role: 'sample', positives: [_id.replace('q', 'd')] })),
    { query: 'q0', text: 'replayed', role: 'replay', positives: ['d0'] },
  ]);
  writeLines(
    join(path, 'samples.jsonl'),
    [...valid.keys()]
      .slice(0, samples)
      .map((i) => ({ query: i, sample: i % group, text: '', finish: 'embed', valid: valid[i] === 1 })),
  );
  const manifest = {
    schema: 1,
    policy: model,
    iteration: 0,
    group,
    temperature: 0.5,
    minNewTokens: 1,
    maxNewTokens: 8,
    queries: queries.length,
    samples,
    replay: 1,
    indexVersion: null,
  };
  writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
  return { path, identity: 'rollouts/rollouts', type: 'rollouts' };
}

/** What the declaration of index.build gives where a pipeline says nothing, in a batch of test size. */
export const buildDefaults = { batch: 8, dtype: 'float32', shard_rows: 0 };

/** Rows of different lengths as values and offsets. */
function raggedOf(rows: number[][]): { values: Int32Array; ids: TensorValue; offsets: TensorValue } {
  const ids = Int32Array.from(rows.flat());
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => (offsets[i + 1] = (offsets[i] as number) + row.length));
  return {
    values: ids,
    ids: { type: 'I32', shape: [ids.length], data: ids },
    offsets: { type: 'I32', shape: [offsets.length], data: offsets },
  };
}
