// What a trace says about who worked at what, and when. Pure.
import { shapeOf, type TraceLine } from '../worker/faults.js';

export interface Job {
  id: string;
  /** When the trainer had it; null = it never did. */
  at: number | null;
  /** When it was done or lost; null = nobody was left to say. */
  endedAt: number | null;
  /** Steps that it reported, in their order. */
  steps: { at: number; step: number }[];
}

export interface Attempt {
  name: string;
  path: string;
  key: string;
  /** The worker process. */
  pid: number;
  claimedAt: number;
  /** When it committed or freed its claim; null = it did neither. */
  endedAt: number | null;
  jobs: Job[];
}

/** The attempts of a trace in the order in which they began. */
export function attemptsIn(trace: readonly TraceLine[]): Attempt[] {
  const attempts = new Map<string, Attempt>();
  const jobs = new Map<string, Job>();
  for (const line of trace) {
    if (line.what === 'claim') takeClaim(attempts, line);
    else if (line.what === 'write') endByCommit(attempts, line);
    else if (line.what === 'asked') addJob(attempts, jobs, line.job);
    else if (line.what !== 'reached') tellJob(jobs.get(line.job), line);
  }
  return [...attempts.values()];
}

function takeClaim(attempts: Map<string, Attempt>, line: Extract<TraceLine, { what: 'claim' }>): void {
  const known = attempts.get(line.attempt);
  if (known !== undefined) {
    if (line.released) known.endedAt ??= line.at;
    return;
  }
  if (line.released) return;
  const { attempt: name, path, key, pid, at } = line;
  attempts.set(name, { name, path, key, pid, claimedAt: at, endedAt: null, jobs: [] });
}

/** A result ends the attempt of its worker that works at the key. */
function endByCommit(attempts: Map<string, Attempt>, line: Extract<TraceLine, { what: 'write' }>): void {
  const key = /^results\/(.*)\.json$/.exec(line.name)?.[1];
  if (key === undefined) return;
  for (const attempt of attempts.values())
    if (attempt.key === key && attempt.pid === line.pid) attempt.endedAt ??= line.at;
}

function addJob(attempts: Map<string, Attempt>, jobs: Map<string, Job>, id: string): void {
  const job: Job = { id, at: null, endedAt: null, steps: [] };
  jobs.set(id, job);
  // `<attempt>-<number>`, as kind-context.ts names it.
  attempts.get(id.replace(/-\d+$/, ''))?.jobs.push(job);
}

function tellJob(
  job: Job | undefined,
  line: Exclude<TraceLine, { what: 'claim' } | { what: 'write' } | { what: 'reached' }>,
): void {
  if (job === undefined) return;
  if (line.what === 'job') job.at ??= line.at;
  else if (line.what === 'event') {
    job.at ??= line.at; // a short job may be done between two looks
    if (line.step !== null) job.steps.push({ at: line.at, step: line.step });
  } else if (line.what !== 'asked') job.endedAt ??= line.at;
}

/** A write to the store, by what it means to Pawl. */
export type PointClass = 'file' | 'manifest' | 'checkpoint' | 'commit' | 'click' | 'journal' | 'cursor';

export const classOf = ({ op, name }: { op: string; name: string }): PointClass | null => {
  if (name.startsWith('blobs/')) return op === 'createFromFile' ? 'file' : op === 'createIfAbsent' ? 'manifest' : null;
  if (op === 'createIfAbsent') {
    if (name.startsWith('checkpoints/')) return 'checkpoint';
    if (name.startsWith('results/')) return 'commit';
    if (name.startsWith('journals/')) return 'journal';
    if (/^loops\/.*\.json$/.test(name)) return 'click';
  }
  return op === 'compareAndSwap' && name.startsWith('cursors/') ? 'cursor' : null;
};

export interface WritePoint {
  class: PointClass;
  op: Extract<TraceLine, { what: 'write' }>['op'];
  shape: string;
  /** Which one of its shape, from 1. */
  nth: number;
  at: number;
  /** The steps that were at work; none at the click of a loop. */
  paths: string[];
}

/** The writes of a trace of one worker, where a fault can be planned. */
export function pointsIn(trace: readonly TraceLine[]): WritePoint[] {
  const attempts = attemptsIn(trace);
  const counts = new Map<string, number>();
  return trace.flatMap((line): WritePoint[] => {
    const pointClass = line.what === 'write' ? classOf(line) : null;
    if (line.what !== 'write' || pointClass === null) return [];
    const shape = shapeOf(line.name);
    const place = `${line.op} ${shape}`;
    const nth = (counts.get(place) ?? 0) + 1;
    counts.set(place, nth);
    const paths = attempts
      .filter(({ claimedAt, endedAt }) => claimedAt <= line.at && line.at <= (endedAt ?? Infinity))
      .map(({ path }) => path);
    return [{ class: pointClass, op: line.op, shape, nth, at: line.at, paths }];
  });
}
