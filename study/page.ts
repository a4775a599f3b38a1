// docs/results.md: what a study found, in tables and in sentences that follow from them. Pure.
import type { EvaluationMode } from '../retrieval/report.js';
import type { Report } from '../schemas/generated/report.js';
import type { Compared } from './compare.js';
import type { Replica } from './replica.js';

export interface Facts {
  /** The pipeline, as it was named. */
  file: string;
  command: string;
  commit: string;
  machine: string;
  minutes: number;
}

/** The page. */
export function studyPage(compared: readonly Compared[], replicas: readonly Replica[], facts: Facts): string {
  const [first] = compared;
  if (first === undefined) throw new Error('A study without an endpoint has no page.');
  return [
    '# What training is worth',
    '',
    `Written by \`${facts.command}\` at ${facts.commit}, on ${facts.machine}, in ${facts.minutes.toFixed(0)} minutes. It runs \`${facts.file}\` with the seeds ` +
      `${replicas.map(({ seed }) => seed).join(', ')}: other weights, batches and samples, the same data and splits. ${first.queries} queries of the test split in ` +
      `${first.clusters} clusters${first.clusters < first.queries ? ' (top-level packages)' : ''}, ${documentsOf(replicas)} documents, a full index of each model's own.`,
    '',
    '## Primary endpoints',
    '',
    `Fixed in the file before the runs. Differences paired by seed and query; intervals (95 %) and p from a bootstrap over seeds × query clusters, p after Holm over ` +
      `${compared.length}. Detectable: what such a study finds with probability .8. A difference counts when p < .05 and it is not below that.`,
    '',
    '| endpoint | difference | interval | by seed | p | detectable | |',
    '|---|---|---|---|---|---|---|',
    ...compared.map(rowOf),
    '',
    ...compared.map((one) => `- ${sentenceOf(one)}`),
    '',
    '## All arms',
    '',
    'Means over the seeds, with the smallest and the largest. Secondary: no claim is made of them.',
    '',
    ...armTable(replicas),
    '',
    ...metricLines(replicas),
  ].join('\n');
}

const rowOf = (one: Compared): string =>
  `| \`${one.endpoint.text}\` | ${signed(one.mean)} | [${signed(one.low)}, ${signed(one.high)}] | ${one.byReplica.map(signed).join(' ')} | ${pText(one.adjusted)} | ${figure(one.detectable)} | ${one.verdict} |`;

function sentenceOf({ endpoint, mean, adjusted, detectable, verdict }: Compared): string {
  const { treated, control, figure: name } = endpoint;
  const sides = `\`${treated.arm}.${treated.mode}\` against \`${control.arm}.${control.mode}\``;
  if (verdict !== 'undecided') return `${sides}: **${verdict}** by ${figure(Math.abs(mean))} ${name}.`;
  const why = adjusted < 0.05 ? `${signed(mean)} is below what is detectable` : `${signed(mean)}, p ${pText(adjusted)}`;
  return `${sides}: no difference is claimed (${why}; one of less than ${figure(detectable)} would not be seen reliably).`;
}

function armTable(replicas: readonly Replica[]): string[] {
  const arms = [...(replicas[0]?.arms ?? [])];
  // Queries whose answer no other split has; a study asks for them or not.
  const hasUnseen = arms.some(([, { report }]) => report.unseen !== undefined);
  const names = [
    'nDCG@10',
    'Recall@100',
    'mean reward',
    'with an embedding',
    ...(hasUnseen ? ['nDCG@10, answer unseen'] : []),
  ];
  const rows = arms.flatMap(([arm, { report }]) =>
    (Object.keys(report.modes) as EvaluationMode[]).map((mode) => {
      const spread = (valueOf: (report: Report) => number | null | undefined): string =>
        spreadText(replicas.map(({ arms }) => arms.get(arm)).map((one) => (one && valueOf(one.report)) ?? null));
      const cells = ['ndcg_at_10', 'recall_at_100', 'reward', 'valid_fraction'].map((name) =>
        spread(({ modes }) => modes[mode]?.[name]),
      );
      if (hasUnseen) cells.push(spread(({ unseen }) => unseen?.modes[mode]?.['ndcg_at_10']));
      return `| ${arm} | ${mode} | ${cells.join(' | ')} |`;
    }),
  );
  return [`| arm | mode | ${names.join(' | ')} |`, `|---|---|${'---|'.repeat(names.length)}`, ...rows];
}

function metricLines(replicas: readonly Replica[]): string[] {
  const names = Object.keys(replicas[0]?.metrics ?? {});
  if (names.length === 0) return [];
  const rows = names.map(
    (name) => `| ${name} | ${replicas.map(({ metrics }) => String(metrics[name] ?? '')).join(' | ')} |`,
  );
  return [
    '## What each replica handed out',
    '',
    `| | ${replicas.map(({ seed }) => `seed ${seed}`).join(' | ')} |`,
    `|---|${'---|'.repeat(replicas.length)}`,
    ...rows,
    '',
  ];
}

const documentsOf = ([first]: readonly Replica[]): string =>
  String([...(first?.arms.values() ?? [])][0]?.report.corpus ?? '');

function spreadText(values: readonly (number | null)[]): string {
  const found = values.filter((value): value is number => value !== null);
  if (found.length === 0) return '';
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const [low, high] = [Math.min(...found), Math.max(...found)];
  return low === high ? figure(mean) : `${figure(mean)} (${figure(low)} to ${figure(high)})`;
}

/** Three decimals, without the zero before the point. Pure. */
const figure = (value: number): string => value.toFixed(3).replace(/^(-?)0\./, '$1.');
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`;
const pText = (p: number): string => (p < 0.001 ? '< .001' : figure(p));
