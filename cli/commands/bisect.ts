// pawl bisect: the iteration of a loop at which a metric went bad, and the kept iteration to go back to. Reads the store only.
import { nearest } from '../../compiler/did-you-mean.js';
import { nearerToBad, wentBad, type Measured, type WentBad } from '../../planning/went-bad.js';
import { openStore } from '../../store/open.js';
import { readPlan } from '../../store/plans.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { indexRanges, loopHistory, loopsOf, type LoopHistory } from '../loop-history.js';
import { processOutput } from '../output.js';

export interface BisectOptions {
  below?: number;
  above?: number;
  good?: number;
  bad?: number;
  json?: true;
}

export async function bisect(run: string, metric: string, options: BisectOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run);
  const { workflowId } = record;
  const loops = loopsOf(await readPlan(store, record.planHash));
  const histories = await Promise.all(loops.map(([loop]) => loopHistory(config, store, record, loop)));
  const found = recordedAs(workflowId, histories, metric);
  const question = questionOf(found.points, options);
  const answer = wentBad(question.points, question.isBad);
  const kept = found.history.iterations.filter(({ restorable }) => restorable).map(({ index }) => index);
  const before =
    answer.good === null ? null : (kept.filter((index) => index <= (answer.good?.index ?? -1)).at(-1) ?? null);
  output.record({
    type: 'bisect',
    workflowId,
    metric: found.name,
    badIs: question.words,
    ...answer,
    kept,
    goBackTo: before,
  });
  const facts = { workflowId, name: found.name, loop: found.history.loop, ...question, answer, kept, before };
  for (const line of bisectLines(facts)) output.line(line);
  return exitCodes.ok;
}

interface Found {
  history: LoopHistory;
  /** loop.step.metric */
  name: string;
  points: Measured[];
}

/** The loop that has recorded the metric `[loop.]step.metric`, and its values. Fails with CliError that names what is recorded. */
export function recordedAs(workflowId: string, histories: readonly LoopHistory[], metric: string): Found {
  const all = histories.flatMap((history) =>
    [...namesIn(history)].map((name) => ({ history, name: `${history.loop}.${name}`, short: name })),
  );
  if (all.length === 0)
    throw new CliError(
      exitCodes.invalid,
      `${workflowId} has recorded no iteration of a loop${histories.length === 0 ? ': it has none' : ' yet'}.`,
    );
  const wanted = metric.replace(/^steps\./, '').replace('.metrics.', '.');
  const named = all.filter(({ name }) => name === wanted);
  const meant = named.length > 0 ? named : all.filter(({ short }) => short === wanted);
  const [one, ...others] = meant;
  const names = all.map(({ name }) => name).sort();
  if (one === undefined) {
    const near = nearest(wanted, [...names, ...all.map(({ short }) => short)]);
    throw new CliError(
      exitCodes.invalid,
      `${workflowId} has recorded no metric \`${metric}\`${near === null ? '.' : `: did you mean \`${near}\`?`} Recorded: ${names.join(', ')}.`,
    );
  }
  if (others.length > 0)
    throw new CliError(
      exitCodes.invalid,
      `Several loops have recorded \`${metric}\`: name one of ${meant.map(({ name }) => name).join(', ')}.`,
    );
  const points = one.history.iterations.flatMap(({ index, metrics }): Measured[] => {
    const value = flat(metrics).get(one.short);
    return value === undefined ? [] : [{ index, value }];
  });
  return { history: one.history, name: one.name, points };
}

const flat = (metrics: LoopHistory['iterations'][number]['metrics']): Map<string, number | null> =>
  new Map(
    Object.entries(metrics).flatMap(([step, values]) =>
      Object.entries(values).map(([name, value]) => [`${step}.${name}`, value] as const),
    ),
  );

const namesIn = ({ iterations }: LoopHistory): Set<string> =>
  new Set(iterations.flatMap(({ metrics }) => [...flat(metrics).keys()]));

interface Question {
  points: Measured[];
  isBad: (value: number) => boolean;
  /** What counts as bad. */
  words: string;
}

/** What is asked of the values: a bound, or which iteration was good and which bad. Fails with CliError. */
export function questionOf(points: readonly Measured[], options: BisectOptions): Question {
  const { below, above, good, bad } = options;
  const ways = [below, above, good ?? bad].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new CliError(exitCodes.invalid, 'What is bad is said once: by --below, by --above, or by --good and --bad.');
  if (below !== undefined) return { points: [...points], isBad: (value) => value < below, words: `below ${below}` };
  if (above !== undefined) return { points: [...points], isBad: (value) => value > above, words: `above ${above}` };
  return betweenTwo(points, options);
}

function betweenTwo(points: readonly Measured[], { good, bad }: BisectOptions): Question {
  const from = good === undefined ? points.find(({ value }) => value !== null) : at(points, good, '--good');
  const to = bad === undefined ? points.findLast(({ value }) => value !== null) : at(points, bad, '--bad');
  const isBad = from?.value == null || to?.value == null ? null : nearerToBad(from.value, to.value);
  if (isBad === null || from === undefined || to === undefined || from.index >= to.index)
    throw new CliError(
      exitCodes.invalid,
      'The good iteration must come before the bad one, and their values must be two different numbers. Name others with --good and --bad, or say what is bad with --below or --above.',
    );
  const between = points.filter(({ index }) => index >= from.index && index <= to.index);
  const words = `nearer to ${to.value ?? ''} (iteration ${to.index}) than to ${from.value ?? ''} (iteration ${from.index})`;
  return { points: between, isBad, words };
}

function at(points: readonly Measured[], index: number, option: string): Measured {
  const found = points.find((point) => point.index === index);
  if (found !== undefined) return found;
  throw new CliError(
    exitCodes.invalid,
    `${option} ${index}: that iteration has not recorded it. Those that have: ${indexRanges(points.map((point) => point.index))}.`,
  );
}

/** The answer for people. Pure. */
export function bisectLines(facts: {
  workflowId: string;
  name: string;
  loop: string;
  points: readonly Measured[];
  words: string;
  answer: WentBad;
  kept: readonly number[];
  before: number | null;
}): string[] {
  const { points, answer, kept, before } = facts;
  const { good, bad, recovered } = answer;
  const [first, last] = [points[0]?.index ?? 0, points.at(-1)?.index ?? 0];
  const head = `${facts.name} of ${facts.workflowId}: ${points.length} values, iterations ${first} to ${last}; bad is ${facts.words}`;
  if (bad === null) return [head, 'It is good throughout.'];
  const lines = [
    head,
    good === null
      ? `It is bad from the first value on: iteration ${bad.index} (${shown(bad)}).`
      : `It went bad at iteration ${bad.index} (${shown(bad)}); good was iteration ${good.index} (${shown(good)}).`,
  ];
  if (recovered.length > 0)
    lines.push(
      `Not monotonic: it was bad before, at ${indexRanges(recovered.map(({ index }) => index))}, and recovered.`,
    );
  if (answer.isGoodAtEnd) lines.push('Not monotonic: it is good again at the end.');
  lines.push(
    before === null
      ? `No iteration before it is kept. Kept: ${indexRanges(kept)}.`
      : `Kept before it: ${facts.loop}[${before}]. \`pawl fork '${facts.workflowId}@${facts.loop}[${before}]' --set …\` goes on from there.`,
  );
  return lines;
}

const shown = ({ value }: Measured): string => (value === null ? 'no number' : String(value));
