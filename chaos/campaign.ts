// A campaign: an undisturbed run once, then disturbed ones until so many kills are done. Every run is a line in a log, from
// which a campaign that was interrupted goes on.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TraceLine } from '../worker/faults.js';
import { differences, type Facts } from './facts.js';
import type { Killed } from './killer.js';
import { costsOf, type Cost, type Intervals } from './measure.js';
import { oneRun, type Outcome, type Subject } from './one-run.js';
import { scheduleOf, type Way } from './schedule.js';
import { attemptsIn } from './timeline.js';

export interface CampaignOptions {
  subject: Subject;
  seed: number;
  kills: number;
  killsPerRun: number;
  /** Default: all of schedule.ts. */
  ways?: readonly Way[];
  /** Says which code is run: what other code has done does not count. */
  code: string;
  /** Where the undisturbed run is kept; other campaigns on the same code use it, too. */
  referenceFile: string;
  logFile: string;
  say: (line: string) => void;
}

/** What the log keeps of a run. */
export interface RunLine {
  code: string;
  run: number;
  seconds: number;
  kills: Killed[];
  costs: Cost[];
  /** Steps that went on from a checkpoint or were begun again: attempts after the first of a key. */
  resumes: number;
  differences: string[];
  orphans: string[];
  problems: string[];
  /** How many facts were compared, and points in MLflow among them. */
  compared: number;
  points: number;
  /** As in Outcome. */
  unseen: string[];
  folder: string | null;
}

export interface Reference {
  code: string;
  run: string[];
  seconds: number;
  trace: TraceLine[];
  facts: Facts;
  intervals: Intervals;
  unseen: string[];
}

/** A run that brings no kill about, again and again, would go on for ever. */
const mostFruitless = 3;

/** Runs what is not in the log yet, and returns all of it. */
export async function campaign(options: CampaignOptions): Promise<{ reference: Reference; lines: RunLine[] }> {
  const { logFile, kills, killsPerRun, say, subject } = options;
  const reference = await referenceOf(options);
  const lines = linesOf(logFile, options.code);
  mkdirSync(dirname(logFile), { recursive: true });
  for (let fruitless = 0; ;) {
    const done = lines.reduce((sum, line) => sum + line.kills.length, 0);
    if (done >= kills || fruitless >= mostFruitless) return { reference, lines };
    const run = lines.length;
    // A kill that found no place or no process is made up for by a later run.
    const planned = lines.reduce((sum, line) => sum + Math.max(1, line.kills.length), 0);
    const schedule = scheduleOf(reference.trace, {
      ...{ seed: options.seed, run, from: planned, count: Math.min(killsPerRun, kills - done) },
      ...(options.ways === undefined ? {} : { ways: options.ways }),
    });
    say(`run ${run}: ${schedule.length} kills planned, ${done} of ${kills} done`);
    const outcome = await oneRun(subject, schedule, say, (found) => faultsOf(reference, found) > 0);
    const line = lineOf(options.code, run, reference, outcome);
    appendFileSync(logFile, `${JSON.stringify(line)}\n`);
    lines.push(line);
    fruitless = line.kills.length === 0 ? fruitless + 1 : 0;
    say(`run ${run}: ${outcome.seconds.toFixed(0)} s, ${verdictOf(line)}`);
  }
}

const verdictOf = ({ differences: found, orphans, problems, folder }: RunLine): string =>
  found.length + orphans.length + problems.length === 0
    ? 'equal, nothing left'
    : `${found.length} differences, ${orphans.length} orphans, ${problems.length} problems${folder === null ? '' : `; look into ${folder}`}`;

const faultsOf = (reference: Reference, { facts, orphans }: Pick<Outcome, 'facts' | 'orphans'>): number =>
  differences(reference.facts, facts).length + orphans.length;

async function referenceOf(options: CampaignOptions): Promise<Reference> {
  const { referenceFile, code, subject, say } = options;
  const known = existsSync(referenceFile) ? (JSON.parse(readFileSync(referenceFile, 'utf8')) as Reference) : null;
  if (known?.code === code && JSON.stringify(known.run) === JSON.stringify(subject.run)) return known;
  say('the undisturbed run');
  const { seconds, trace, facts, intervals, unseen, problems, orphans } = await oneRun(subject, [], say);
  if (problems.length + orphans.length > 0)
    throw new Error(`The undisturbed run is not a reference: ${[...problems, ...orphans].join('; ')}`);
  const reference = { code, run: subject.run, seconds, trace, facts, intervals, unseen };
  mkdirSync(dirname(referenceFile), { recursive: true });
  writeFileSync(referenceFile, JSON.stringify(reference));
  say(`the undisturbed run took ${seconds.toFixed(0)} s`);
  return reference;
}

function linesOf(logFile: string, code: string): RunLine[] {
  if (!existsSync(logFile)) return [];
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as RunLine)
    .filter((line) => line.code === code);
}

function lineOf(code: string, run: number, reference: Reference, outcome: Outcome): RunLine {
  const { killed, trace, facts, orphans, problems, seconds, folder } = outcome;
  const attempts = attemptsIn(trace);
  return {
    ...{ code, run, seconds, kills: killed, orphans, problems, folder },
    costs: costsOf(trace, killed, { intervals: reference.intervals, trainerPaths: trainerPathsOf(reference) }),
    resumes: attempts.length - new Set(attempts.map(({ key }) => key)).size,
    differences: differences(reference.facts, facts),
    unseen: reference.unseen,
    compared: Object.keys(reference.facts).length,
    points: Object.keys(reference.facts).filter((name) => name.startsWith('MLflow ')).length,
  };
}

const trainerPathsOf = ({ trace }: Reference): Set<string> =>
  new Set(
    attemptsIn(trace)
      .filter(({ jobs }) => jobs.length > 0)
      .map(({ path }) => path),
  );
