// The table that the demo ends with, from the run record and the reports of its evaluations. Pure: text from data.
import { interval, pairedInterval } from './interval.mjs';

const modeNames = { plain: 'no reasoning', greedy: 'greedy reasoning', sampled: 'sampled reasoning', bm25: 'BM25' };

/**
 * @typedef {{ query: string, mode: string, ndcg_at_10: number, recall_at_100: number, reward?: number | null }} QueryRow
 * @typedef {{ step: string, rows: QueryRow[] }} Evaluation
 */

/** Lines of the table of quality: one row a stage and mode. @param {Evaluation[]} evaluations in the order of the stages */
export function qualityTable(evaluations) {
  const rows = evaluations.flatMap(({ step, rows: queries }) =>
    Object.keys(modeNames)
      .filter((mode) => queries.some((row) => row.mode === mode))
      .map((mode) => {
        const of = (metric) => withInterval(interval([...perQuery(queries, mode, metric).values()]));
        const stage = mode === 'bm25' ? '' : stageOf(step);
        return [stage, modeNames[mode], of('ndcg_at_10'), of('recall_at_100')];
      }),
  );
  return table([['stage', 'mode', 'nDCG@10 [95 %]', 'Recall@100 [95 %]'], ...rows]);
}

/** What stage 2 changed, with sampled reasoning, on the same queries. @param {Evaluation} before @param {Evaluation} after */
export function changeLines(before, after) {
  return [
    ['sampled', 'reward', 'mean reward, sampled reasoning'],
    ['greedy', 'ndcg_at_10', 'nDCG@10, greedy reasoning'],
    ['plain', 'ndcg_at_10', 'nDCG@10, no reasoning'],
  ].flatMap(([mode, metric, name]) => {
    const change = pairedInterval(perQuery(before.rows, mode, metric), perQuery(after.rows, mode, metric));
    if (change === null) return [];
    const verdict = change.low > 0 ? 'better' : change.high < 0 ? 'worse' : 'no clear change';
    return [`${name}: ${signed(change.mean)} [${signed(change.low)}, ${signed(change.high)}] ${verdict}`];
  });
}

/** Lines of the table of time. @param {{ path: string, state: string, seconds: number }[]} steps */
export function timeTable(steps) {
  const rows = steps.map(({ path, state, seconds }) => [
    path,
    state,
    seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0),
  ]);
  return table([['step', 'state', 'seconds'], ...rows], [2]);
}

/** Mean of a metric over the samples of each query. */
function perQuery(rows, mode, metric) {
  const sums = new Map();
  for (const row of rows) {
    const value = row[metric];
    if (row.mode !== mode || typeof value !== 'number') continue;
    const sum = sums.get(row.query) ?? { total: 0, samples: 0 };
    sums.set(row.query, { total: sum.total + value, samples: sum.samples + 1 });
  }
  return new Map([...sums].map(([query, { total, samples }]) => [query, total / samples]));
}

const stages = { base: 'untrained', sft: 'stage 1 (SFT)', rl: 'stage 2 (RL)' };
const stageOf = (step) => stages[step.replace(/^eval_/, '')] ?? step;
const signed = (value) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
const withInterval = (value) =>
  value === null ? '-' : `${value.mean.toFixed(3)} [${value.low.toFixed(3)}, ${value.high.toFixed(3)}]`;

function table(rows, rightAligned = []) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) =>
    rightAligned.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  const lines = rows.map((row) => row.map(pad).join('  ').trimEnd());
  return [lines[0], widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)];
}
