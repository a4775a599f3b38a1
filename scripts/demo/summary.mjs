// The table that the demo ends with, from the run record and the reports of its evaluations. Pure: text from data.

const modeNames = { plain: 'no reasoning', greedy: 'greedy reasoning', sampled: 'sampled reasoning', bm25: 'BM25' };

/**
 * @typedef {{ query: string, mode: string, ndcg_at_10: number, recall_at_100: number, reward?: number | null }} QueryRow
 * @typedef {{ step: string, modes: Record<string, Record<string, number | null>>, queries: QueryRow[] }} Evaluation
 * @typedef {(before: number[], after: number[]) => { mean: number, low: number, high: number }} PairedBootstrap
 */

/**
 * Lines of the table of quality: one row a stage and mode, in the order of the stages.
 * @param {Evaluation[]} evaluations in any order @returns {string[]}
 */
export function qualityTable(evaluations) {
  const order = Object.keys(stages);
  const place = ({ step }) => order.indexOf(step.replace(/^eval_/, ''));
  const rows = [...evaluations]
    .sort((a, b) => place(a) - place(b))
    .flatMap(({ step, modes }) =>
      Object.keys(modeNames)
        .filter((mode) => modes[mode] !== undefined)
        .map((mode) => [
          mode === 'bm25' ? 'no model' : stageOf(step),
          modeNames[mode],
          withInterval(modes[mode], 'ndcg_at_10'),
          withInterval(modes[mode], 'recall_at_100'),
        ]),
    );
  return table([['stage', 'mode', 'nDCG@10 [95 %]', 'Recall@100 [95 %]'], ...rows]);
}

/**
 * What stage 2 changed, on the same queries. @param {Evaluation} before @param {Evaluation} after
 * @param {PairedBootstrap} pairedBootstrap @returns {string[]}
 */
export function changeLines(before, after, pairedBootstrap) {
  return [
    ['sampled', 'reward', 'mean reward, sampled reasoning'],
    ['greedy', 'ndcg_at_10', 'nDCG@10, greedy reasoning'],
    ['plain', 'ndcg_at_10', 'nDCG@10, no reasoning'],
  ].flatMap(([mode, metric, name]) => {
    const left = valuesOf(before.queries, mode, metric);
    const pairs = [...valuesOf(after.queries, mode, metric)].filter(([query]) => left.has(query));
    if (pairs.length === 0) return [];
    const change = pairedBootstrap(
      pairs.map(([query]) => left.get(query) ?? 0),
      pairs.map(([, value]) => value),
    );
    const verdict = change.low > 0 ? 'better' : change.high < 0 ? 'worse' : 'no clear change';
    return [`${name}: ${signed(change.mean)} [${signed(change.low)}, ${signed(change.high)}] ${verdict}`];
  });
}

/** Lines of the table of time. @param {{ path: string, state: string, seconds: number }[]} steps @returns {string[]} */
export function timeTable(steps) {
  const rows = steps.map(({ path, state, seconds }) => [path, state, seconds.toFixed(seconds < 10 ? 1 : 0)]);
  return table([['step', 'state', 'seconds'], ...rows], [2]);
}

/** @param {QueryRow[]} rows @returns {Map<string, number>} by query */
function valuesOf(rows, mode, metric) {
  return new Map(
    rows.filter((row) => row.mode === mode && typeof row[metric] === 'number').map((row) => [row.query, row[metric]]),
  );
}

const stages = { base: 'untrained', sft: 'stage 1 (SFT)', rl: 'stage 2 (RL)' };
const stageOf = (step) => stages[step.replace(/^eval_/, '')] ?? step;
const signed = (value) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;

function withInterval(figures, metric) {
  const [mean, low, high] = [figures[metric], figures[`${metric}_low`], figures[`${metric}_high`]];
  if (typeof mean !== 'number') return '-';
  if (typeof low !== 'number' || typeof high !== 'number') return mean.toFixed(3);
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function table(rows, rightAligned = []) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => cell[rightAligned.includes(column) ? 'padStart' : 'padEnd'](widths[column]);
  const lines = rows.map((row) => row.map(pad).join('  ').trimEnd());
  return [lines[0], widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)];
}
