// data.mine-negatives: gives the queries of a split hard negatives, from an index of the corpus under a model, or from BM25. The
// result is the data set with negatives.jsonl.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { duplicatesOf, readCorpus, type Corpus } from '../../retrieval/corpus.js';
import { readSplit, type JudgedQuery } from '../../retrieval/dataset.js';
import { chooseNegatives, type MinedNegatives, type NegativeRules } from '../../retrieval/hard-negatives.js';
import { readJsonl, stringField } from '../../retrieval/jsonl.js';
import { linkFile } from '../../retrieval/link-file.js';
import { seededRandom } from '../../retrieval/random.js';
import { writeLines } from '../../retrieval/write-lines.js';
import type { DatasetManifest } from '../../schemas/generated/dataset.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput, integerInput, optionalNumber, stringInput } from './inputs.js';
import { rankForMining, type MiningTask } from './mining-ranks.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const { inputs } = context;
  const rules = rulesOf(context);
  const data = artifactInput(inputs, 'data');
  const split = stringInput(inputs, 'split');
  const corpus = await readCorpus(join(data.path, 'corpus.jsonl'));
  const { queries } = await readSplit(data.path, split, corpus);
  if (queries.length === 0)
    throw new StepFailure(
      'data',
      `The split \`${split}\` has no query with a relevant document; mine for another split.`,
    );
  const excluded = queries.map((query) => excludedRows(query, corpus));
  const most = Math.max(...excluded.map(({ size }) => size));
  const task: MiningTask = { context, data, corpus, queries, k: Math.min(corpus.ids.length, rules.last + most) };
  const mined = (await rankForMining(task)).map((ranked, i) =>
    chooseNegatives({ ...ranked, excluded: excluded[i] as Set<number> }, rules, {
      sameText: (row) => corpus.sameText.get(row) ?? [row],
      random: seededRandom(context.seed ?? 0, `negatives ${queries[i]?.id ?? ''}`),
    }),
  );
  const facts = factsOf(mined, rules.number);
  await writeMined(context, { data, split, facts }, linesOf(queries, mined, corpus));
  return facts;
}

/** Answers, and documents with the text of one. */
function excludedRows({ relevant }: JudgedQuery, corpus: Corpus): Set<number> {
  return new Set(relevant.flatMap(({ row }) => [row, ...duplicatesOf(corpus, row)]));
}

function rulesOf({ inputs }: KindContext): NegativeRules {
  const [first, last] = [integerInput(inputs, 'range_min'), integerInput(inputs, 'range_max')];
  const number = integerInput(inputs, 'number');
  return {
    ...{ number, first, last },
    absoluteMargin: optionalNumber(inputs, 'absolute_margin'),
    relativeMargin: optionalNumber(inputs, 'relative_margin'),
    sampling: stringInput(inputs, 'sampling') === 'random' ? 'random' : 'top',
  };
}

interface Line {
  query: string;
  negatives: string[];
}

const linesOf = (queries: readonly JudgedQuery[], mined: readonly MinedNegatives[], corpus: Corpus): Line[] =>
  queries.flatMap(({ id }, i) => {
    const negatives = (mined[i]?.rows ?? []).map((row) => corpus.ids[row] as string);
    return negatives.length === 0 ? [] : [{ query: id, negatives }];
  });

function factsOf(mined: readonly MinedNegatives[], number: number): Record<string, number> {
  const total = (of: (one: MinedNegatives) => number): number => mined.reduce((sum, one) => sum + of(one), 0);
  return {
    queries: mined.length,
    negatives: total(({ rows }) => rows.length),
    short: mined.filter(({ rows }) => rows.length < number).length,
    too_near: total(({ tooNear }) => tooNear),
  };
}

/** The files of the data set as they are, with the lines; negatives that queries of other splits have are kept. */
async function writeMined(
  context: KindContext,
  { data, split, facts }: { data: LocalArtifact; split: string; facts: Record<string, number> },
  lines: Line[],
): Promise<void> {
  const dir = await context.outputDir('dataset');
  const own = ['manifest.json', 'negatives.jsonl'];
  for (const name of await readdir(data.path))
    if (!own.includes(name)) await linkFile(join(data.path, name), join(dir, name));
  const all = [...(await othersOf(data.path, split)), ...lines];
  await writeLines(join(dir, 'negatives.jsonl'), all);
  const before = JSON.parse(await readFile(join(data.path, 'manifest.json'), 'utf8')) as DatasetManifest;
  const notes = { ...before.notes, mined: { ...(before.notes['mined'] as object | undefined), [split]: facts } };
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson({ ...before, negatives: all.length, notes })}\n`);
}

/** Lines of queries of other splits. */
async function othersOf(dir: string, split: string): Promise<Line[]> {
  if (!(await readdir(dir)).includes('negatives.jsonl')) return [];
  const here = new Set<string>();
  for await (const { value, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', 'a query'))
    if (stringField(value, 'split', at) === split) here.add(stringField(value, '_id', at));
  const others: Line[] = [];
  for await (const { value } of readJsonl(join(dir, 'negatives.jsonl'), 'negatives.jsonl', 'a query with negatives'))
    if (!here.has((value as Line).query)) others.push(value as Line);
  return others;
}
