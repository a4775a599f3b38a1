// The settings of BM25 in an evaluation: as given, or chosen on a split by nDCG@10.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { limitQueries, readSplit, unjudgedDuplicates } from '../../retrieval/dataset.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { nameIn, type SetTask } from './evaluation-task.js';
import { numberInput, stringInput } from './inputs.js';

export interface Bm25Choice {
  k1: number;
  b: number;
  /** The split on which they were chosen; null: given. */
  tunedOn: string | null;
}

/** A grid search over more queries takes long, and tells the settings apart no better. */
const mostQueries = 500;

/** The settings of a set. A set without queries in the split that was named gets those given, with a warning. */
export async function chooseBm25(task: SetTask): Promise<Bm25Choice> {
  const { context, parts, set, corpus, documents, idOrder } = task;
  const { inputs } = context;
  const given = { k1: numberInput(inputs, 'bm25_k1'), b: numberInput(inputs, 'bm25_b'), tunedOn: null };
  const split = stringInput(inputs, 'bm25_tune');
  if (split === 'none') return given;
  const queries = limitQueries((await readSplit(set.data.path, split, corpus)).queries, mostQueries);
  if (queries.length === 0) {
    const of = set.name === null ? 'The dataset' : `\`${set.name}\``;
    context.log(
      'warning',
      `${of} has no query in ${split} to tune BM25 on; it runs with k1 ${given.k1} and b ${given.b}`,
    );
    return given;
  }
  const file = 'settings.json';
  const dir = await parts.part(nameIn(set, 'bm25-settings'), null, async (part) => {
    const { k1, b } = await retrievalThreads().run('tuneBm25', {
      corpus: documents,
      queries: queries.map(({ text }) => text),
      relevant: queries.map(({ relevant }) => relevant.map(({ row }) => row)),
      grades: queries.map(({ relevant }) => relevant.map(({ grade }) => grade)),
      ignored: queries.map((query) => unjudgedDuplicates(query, corpus)),
      idOrder,
    });
    await writeFile(join(part.dir, file), JSON.stringify({ k1, b, tunedOn: split }));
    return 1;
  });
  return JSON.parse(await readFile(join(dir, file), 'utf8')) as Bm25Choice;
}
