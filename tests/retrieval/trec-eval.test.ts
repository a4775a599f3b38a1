// The figures of a report, and the reward by grades, against trec_eval itself (pytrec-eval-terrier), on random graded judgements with many ties.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOrderOf } from '../../retrieval/corpus.js';
import { evaluationRanks } from '../../retrieval/evaluation-ranks.js';
import { seededRandom } from '../../retrieval/random.js';
import { queryFigures, type QueryFigures } from '../../retrieval/report.js';
import { scoreOf } from '../../retrieval/reward.js';
import { indexFromVectors } from '../../retrieval/vector-index.js';

const program = `
import json, sys
import pytrec_eval
case = json.load(open(sys.argv[1]))
names = {"ndcg_at_1": "ndcg_cut_1", "ndcg_at_10": "ndcg_cut_10", "recall_at_10": "recall_10", "recall_at_100": "recall_100", "map": "map"}
found = pytrec_eval.RelevanceEvaluator(case["qrels"], {"ndcg_cut.1,10", "recall.10,100", "map"}).evaluate(case["run"])
# The reciprocal rank has no cut of its own: of a run whose tail is taken off, in trec_eval's order.
order = lambda scores: sorted(scores, key=lambda document: (scores[document], document.encode()), reverse=True)[:10]
cut = {query: {document: 1.0 / (place + 1) for place, document in enumerate(order(scores))} for query, scores in case["run"].items()}
first = pytrec_eval.RelevanceEvaluator(case["qrels"], {"recip_rank"}).evaluate(cut)
# It knows linear gain alone: of exponential gain, that of the judgements as gains.
gains = {query: {document: 2 ** grade - 1 for document, grade in own.items()} for query, own in case["qrels"].items()}
exponential = pytrec_eval.RelevanceEvaluator(gains, {"ndcg_cut.10"}).evaluate(case["run"])
others = lambda query: {"mrr_at_10": first[query]["recip_rank"], "exponential": exponential[query]["ndcg_cut_10"]}
json.dump({query: {**{ours: found[query][theirs] for ours, theirs in names.items()}, **others(query)} for query in found}, sys.stdout)
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-trec-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Case {
  ids: string[];
  /** By query: scores by row, as float32. */
  scores: Float32Array[];
  /** By query: grade by row; 0 is judged not relevant, -1 not judged. */
  grades: number[][];
}

/** Documents whose ids sort otherwise than their numbers; scores of `levels` different values. */
function randomCase(documents: number, levels: number): Case {
  const random = seededRandom(documents, `trec ${levels}`);
  const ids = Array.from({ length: documents }, (_, row) => `${['D', 'd', 'é', '文'][row % 4] ?? ''}${row * 7}`);
  const queries = 30;
  return {
    ids,
    scores: Array.from({ length: queries }, () =>
      Float32Array.from({ length: documents }, () => random.below(levels) / levels - 0.3),
    ),
    grades: Array.from({ length: queries }, (_, query) =>
      ids.map((_, row) => (row === query % documents ? 2 : random.below(8) === 0 ? random.below(4) : -1)),
    ),
  };
}

/** The figures of the exact search, in an index whose documents score as the case says: query i is the i-th unit vector. */
async function ours({ ids, scores, grades }: Case): Promise<(QueryFigures & { exponential: number })[]> {
  const size = scores.length;
  const vectors = Float32Array.from(
    { length: ids.length * size },
    (_, i) => scores[i % size]?.[Math.floor(i / size)] ?? NaN,
  );
  const queries = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const relevant = grades.map((own) => own.flatMap((grade, row) => (grade > 0 ? [row] : [])));
  const index = indexFromVectors(vectors, size);
  const ranks = await evaluationRanks({ index, queries, relevant, ignored: [], idOrder: idOrderOf(ids) });
  return ranks.map((own, query) => {
    const judged = (relevant[query] ?? []).map((row, i) => ({
      grade: grades[query]?.[row] ?? 0,
      rank: own[i] ?? null,
    }));
    const ranking = { ranks: [...own], grades: judged.map(({ grade }) => grade) };
    const exponential = scoreOf({ reward: 'ndcg', k: 10, gain: 'exponential' }, ranking, ids.length);
    return { ...queryFigures(`q${query}`, 'plain', [{ judged }]), exponential };
  });
}

function theirs({ ids, scores, grades }: Case): Record<string, Record<string, number>> {
  const byId = (values: ArrayLike<number>, keep: (value: number) => boolean): Record<string, number> =>
    Object.fromEntries(
      ids.flatMap((id, row) => (keep(values[row] as number) ? [[id, values[row] as number] as const] : [])),
    );
  const run = Object.fromEntries(scores.map((own, query) => [`q${query}`, byId(own, () => true)]));
  const qrels = Object.fromEntries(grades.map((own, query) => [`q${query}`, byId(own, (grade) => grade >= 0)]));
  const path = join(folder, 'case.json');
  writeFileSync(path, JSON.stringify({ run, qrels }));
  const out = execFileSync('.pawl/python/bin/python', ['-c', program, path], { encoding: 'utf8' });
  return JSON.parse(out) as Record<string, Record<string, number>>;
}

describe('the figures of trec_eval', () => {
  it.each([
    ['many documents, few ties', 400, 100_000],
    ['many documents, many ties', 300, 7],
    ['fewer documents than the cuts', 6, 3],
    ['all scores equal', 40, 1],
  ])('are ours: %s', async (_, documents, levels) => {
    const made = randomCase(documents, levels);
    const expected = theirs(made);
    for (const { query, ...figures } of await ours(made)) {
      const known = expected[query] ?? {};
      expect(Object.keys(known)).toHaveLength(7);
      for (const [name, value] of Object.entries(known))
        expect(figures[name as 'map'], `${name} of ${query}`).toBeCloseTo(value, 5);
    }
  });
});
