// eval.retrieval: ranks the queries of a split in one or several data sets, plain (no reasoning), after greedy or sampled reasoning,
// and under BM25, and reports figures by mode, by set and by query.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { declaredMetrics, type EvaluationMode, type QueryFigures } from '../../retrieval/report.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { Report } from '../../schemas/generated/report.js';
import type { KindContext } from '../kind.js';
import { evaluateSet, type EvaluatedSet } from './evaluate-set.js';
import { artifactInput, namedArtifacts, stringInput, stringListInput } from './inputs.js';
import { openParts } from './parts.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const modes = [...new Set(stringListInput(context.inputs, 'modes') as EvaluationMode[])];
  const split = stringInput(context.inputs, 'split');
  const unseenIn = stringListInput(context.inputs, 'unseen_in');
  const base = {
    context,
    parts: await openParts(context),
    model: artifactInput(context.inputs, 'model'),
    out: await context.outputDir('report'),
  };
  const sets: EvaluatedSet[] = [];
  for (const { name, artifact } of namedArtifacts(context.inputs, 'data'))
    sets.push(await evaluateSet(base, { name, data: artifact }, modes));
  const report = await reportOf(sets, { split, unseenIn });
  const lines = sets.flatMap((set) => [...set.lines.values()].flat());
  await writeFile(join(base.out, 'report.json'), `${canonicalJson(report)}\n`);
  await writeFile(join(base.out, 'queries.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return declaredMetrics(report);
}

/** The report: of one set as it is, of several their mean with each of them below it. */
async function reportOf(
  sets: readonly EvaluatedSet[],
  { split, unseenIn }: { split: string; unseenIn: string[] },
): Promise<Report> {
  const total = (of: (set: EvaluatedSet) => number): number => sets.reduce((sum, set) => sum + of(set), 0);
  const own: [string, NonNullable<Report['sets']>[string]][] = [];
  for (const set of sets) {
    if (set.name === null) continue;
    const { queries, excluded, corpus, duplicates } = set;
    own.push([set.name, { queries, excluded, corpus, duplicates, ...(await figuresOf([set], unseenIn)) }]);
  }
  return {
    schema: 1,
    split,
    queries: total(({ queries }) => queries),
    excluded: total(({ excluded }) => excluded),
    corpus: total(({ corpus }) => corpus),
    duplicates: total(({ duplicates }) => duplicates),
    ...(await figuresOf(sets, unseenIn)),
    ...(own.length === 0 ? {} : { sets: Object.fromEntries(own) }),
  };
}

async function figuresOf(
  sets: readonly EvaluatedSet[],
  unseenIn: string[],
): Promise<Pick<Report, 'modes' | 'bm25' | 'unseen'>> {
  const [first] = sets;
  const bm25 = sets.length === 1 && first?.bm25 != null ? { bm25: first.bm25 } : {};
  const modes = await modesOf(sets, () => true);
  if (unseenIn.length === 0) return { modes, ...bm25 };
  const isUnseen = ({ unseen }: QueryFigures): boolean => unseen === true;
  const queries = sets.reduce((sum, { lines }) => sum + ([...lines.values()][0] ?? []).filter(isUnseen).length, 0);
  return { modes, ...bm25, unseen: { splits: unseenIn, queries, modes: await modesOf(sets, isUnseen) } };
}

/** Figures by mode of the lines that count; sets without such a line do not count. */
async function modesOf(
  sets: readonly EvaluatedSet[],
  counts: (line: QueryFigures) => boolean,
): Promise<Report['modes']> {
  const figures: Report['modes'] = {};
  for (const mode of sets[0]?.lines.keys() ?? []) {
    const lines = sets.map((set) => (set.lines.get(mode) ?? []).filter(counts)).filter(({ length }) => length > 0);
    if (lines.length > 0) figures[mode] = await retrievalThreads().run('modeFigures', lines);
  }
  return figures;
}
