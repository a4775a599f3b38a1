// From the lines of replayed policies to what a person reads: means by policy and budget, a table, and curves of fidelity against cost.
import { linePlot, type PlotLine } from './line-plot.js';
import { normalisedAgreement } from './order-fidelity.js';
import type { ReplayLine } from './replay.js';

/** A policy at a budget, over all its draws. */
export interface ReplayedRuns {
  policy: string;
  /** `none`, or how stale rows were moved. */
  corrector: string;
  /** As asked for: a share of the corpus (up to 1), or documents. */
  budget: number;
  draws: readonly { lines: readonly ReplayLine[]; seconds: readonly number[] }[];
}

export interface ReplaySummary {
  policy: string;
  corrector: string;
  budget: number;
  draws: number;
  /** Means over draws and iterations; agreement, its gain and the like only over iterations that have them, null where none has. */
  encoded: number;
  /** Share of the corpus re-encoded a refresh. */
  share: number;
  pairAgreement: number | null;
  /** (f - f_none) / (1 - f_none) of each iteration whose f_none is at most .85. */
  pairAgreementGain: number | null;
  /** Iterations that the gain is a mean of. */
  gainIterations: number;
  spearman: number | null;
  advantageCosine: number | null;
  recallAt10: number | null;
  rankShift: number | null;
  rewardGap: number | null;
  driftFull: number | null;
  lag: number | null;
  /** Share of the iterations whose stale rows were moved; null without a corrector. */
  correctedShare: number | null;
  /** Mean 1 - cos of held-out rows, as stored and as moved. */
  residualBefore: number | null;
  residualAfter: number | null;
}

/** Means of runs; `none` are the lines of no refresh at all. Pure. */
export function summarise(runs: ReplayedRuns, none: readonly ReplayLine[], rows: number): ReplaySummary {
  const lines = runs.draws.flatMap((draw) => draw.lines);
  const of = (name: Exclude<keyof ReplayLine, 'corrected'>): number | null => mean(lines.map((line) => line[name]));
  const corrections = lines.map(({ corrected }) => corrected);
  const without = new Map(none.map((line) => [line.iteration, line.pairAgreement]));
  const gains = lines.map((line) => normalisedAgreement(line.pairAgreement, without.get(line.iteration) ?? null));
  const encoded = of('encoded') ?? 0;
  return {
    ...{ policy: runs.policy, corrector: runs.corrector, budget: runs.budget, draws: runs.draws.length },
    ...{ encoded, share: encoded / rows },
    pairAgreement: of('pairAgreement'),
    pairAgreementGain: mean(gains),
    gainIterations: none.filter(({ pairAgreement: f }) => normalisedAgreement(f, f) !== null).length,
    ...{ spearman: of('spearman'), advantageCosine: of('advantageCosine'), recallAt10: of('recallAt10') },
    ...{ rankShift: of('rankShift'), rewardGap: of('rewardGap'), driftFull: of('driftFull'), lag: of('lag') },
    correctedShare: mean(corrections.map((one) => one && Number(one.isUsed))),
    residualBefore: mean(corrections.map((one) => one && one.before)),
    residualAfter: mean(corrections.map((one) => one && one.after)),
  };
}

/** Mean seconds of a refresh: choosing as it was timed, and encoding at `rate` documents a second (null: not known). Pure. */
export function secondsOf(
  runs: ReplayedRuns,
  encoded: number,
  rate: number | null,
): { choosing: number; encoding: number | null } {
  const choosing = mean(runs.draws.flatMap((draw) => draw.seconds)) ?? 0;
  return { choosing, encoding: rate === null ? null : encoded / rate };
}

export interface ReplayRow {
  summary: ReplaySummary;
  choosing: number;
  encoding: number | null;
}

type Column = readonly [string, (row: ReplayRow) => string];

const columns: readonly Column[] = [
  ['policy', ({ summary }) => summary.policy],
  [
    'budget',
    ({ summary }) => (summary.policy === 'none' || summary.policy === 'full' ? '' : budgetText(summary.budget)),
  ],
  ['documents a refresh', ({ summary }) => summary.encoded.toFixed(1)],
  ['pairs in order', ({ summary }) => figure(summary.pairAgreement, 3)],
  ['gain over none', ({ summary }) => figure(summary.pairAgreementGain, 3)],
  ['advantage cosine', ({ summary }) => figure(summary.advantageCosine, 3)],
  ['Spearman', ({ summary }) => figure(summary.spearman, 3)],
  ['recall@10', ({ summary }) => figure(summary.recallAt10, 3)],
  ['rank shift', ({ summary }) => figure(summary.rankShift, 2)],
  ['reward gap', ({ summary }) => figure(summary.rewardGap, 4)],
  ['drift left', ({ summary }) => figure(summary.driftFull, 4)],
  ['choosing, ms', (row) => (row.choosing * 1000).toFixed(0)],
  ['encoding, ms', (row) => (row.encoding === null ? '' : (row.encoding * 1000).toFixed(0))],
];

const correctorColumns: readonly Column[] = [
  ['corrector', ({ summary }) => summary.corrector],
  [
    'used',
    ({ summary: { correctedShare } }) => (correctedShare === null ? '' : `${Math.round(100 * correctedShare)} %`),
  ],
  ['held out, stored', ({ summary }) => figure(summary.residualBefore, 4)],
  ['held out, moved', ({ summary }) => figure(summary.residualAfter, 4)],
];

/** A Markdown table, a line a policy, corrector and budget. Pure. */
export function replayTable(rows: readonly ReplayRow[]): string {
  const hasCorrector = rows.some(({ summary }) => summary.corrector !== 'none');
  const shown = hasCorrector
    ? columns.flatMap((column, i) => (i === 0 ? [column, ...correctorColumns] : [column]))
    : columns;
  return [
    `| ${shown.map(([name]) => name).join(' | ')} |`,
    `|${shown.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${shown.map(([, text]) => text(row)).join(' | ')} |`),
  ].join('\n');
}

/** A plot of one figure against the share of the corpus that is re-encoded: a curve a policy; `none` is level. Pure. */
export function replayPlot(
  summaries: readonly ReplaySummary[],
  { figure: name, label }: { figure: 'pairAgreement' | 'advantageCosine' | 'rewardGap' | 'recallAt10'; label: string },
): string {
  const lines: PlotLine[] = [];
  const nameOf = ({ policy, corrector }: ReplaySummary): string =>
    corrector === 'none' ? policy : `${policy}, ${corrector}`;
  for (const policy of new Set(summaries.map(nameOf))) {
    const points = summaries
      .filter((summary) => nameOf(summary) === policy && summary[name] !== null)
      .map((summary) => ({ x: summary.share, y: summary[name] as number }))
      .sort((a, b) => a.x - b.x);
    const [first] = points;
    if (first === undefined) continue;
    if (policy === 'none') lines.push({ name: policy, level: first.y, points: [] });
    else if (policy !== 'full') lines.push({ name: policy, level: null, points });
  }
  return linePlot({
    title: `${label} against cost`,
    x: 'share of the corpus re-encoded in a refresh',
    y: label,
    lines,
  });
}

const budgetText = (budget: number): string => (budget <= 1 ? `${+(budget * 100).toFixed(2)} %` : `${budget} docs`);

const figure = (value: number | null, digits: number): string => (value === null ? '' : value.toFixed(digits));

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
