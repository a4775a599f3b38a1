// One run of the pipeline in an installation of its own, with or without kills, and all that is known about it afterwards.
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInstallation, type Installation } from '../bench/installation.js';
import { staysWithHost } from '../schemas/between-clicks.js';
import type { Node, Plan } from '../schemas/generated/plan.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { openStore } from '../store/open.js';
import { readPlan } from '../store/plans.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { readCursor } from '../tracking/cursor.js';
import type { TraceLine } from '../worker/faults.js';
import { factsOf, pointsIn, type Facts } from './facts.js';
import { faultFolder, planFaults, readTrace, startKiller, type Killed } from './killer.js';
import type { Intervals } from './measure.js';
import { orphansOf } from './orphans.js';
import type { Kill } from './schedule.js';

/** What to run. */
export interface Subject {
  /** Folder of the clone, which must be built. */
  root: string;
  /** Arguments of `pawl run`: the file and its settings. */
  run: string[];
  /** Whether MLflow runs beside it. */
  mlflow: boolean;
}

export interface Outcome {
  seconds: number;
  trace: TraceLine[];
  killed: Killed[];
  facts: Facts;
  orphans: string[];
  intervals: Intervals;
  /** Loops whose steps claim nothing between two clicks, so that the trace does not show their work. */
  unseen: string[];
  /** What went wrong beside; empty when nothing did. */
  problems: string[];
  /** The folder, when it was kept to be looked at. */
  folder: string | null;
}

const trackingPatienceMs = 300_000;

/** Runs it to its end and stops everything. The folder stays when something went wrong, or when `keep` says so. */
export async function oneRun(
  subject: Subject,
  kills: readonly Kill[],
  say: (line: string) => void,
  keep: (outcome: Omit<Outcome, 'folder'>) => boolean = () => false,
): Promise<Outcome> {
  const installation = await openInstallation(subject.root, {
    mlflow: subject.mlflow,
    env: (folder) => ({ PAWL_FAULTS: faultFolder(folder) }),
  });
  const home = installation.folder;
  const leave = (): void => {
    // Ctrl-C reaches the command that follows the run as well; what runs in the background is ended here.
    void installation.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  let isKept = true;
  try {
    const outcome = await undertake(subject, installation, kills, say);
    isKept = outcome.problems.length > 0 || keep(outcome);
    return { ...outcome, folder: isKept ? home : null };
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave);
    if (isKept) await installation.pawl('down');
    else await installation.close();
  }
}

async function undertake(
  subject: Subject,
  installation: Installation,
  kills: readonly Kill[],
  say: (line: string) => void,
): Promise<Omit<Outcome, 'folder'>> {
  const home = installation.folder;
  const problems: string[] = [];
  const problem = (error: unknown): void => void problems.push(error instanceof Error ? error.message : String(error));
  mkdirSync(faultFolder(home), { recursive: true });
  planFaults(home, kills);
  const startedAt = Date.now();
  const killer = startKiller(home, kills, ({ id, target, where, killedAt }) =>
    say(`${((killedAt - startedAt) / 1000).toFixed(1).padStart(7)} s  ${id}  kill -9 ${target}: ${where}`),
  );
  await installation.pawl('run', ...subject.run, '--wait', '--json').catch(problem);
  const seconds = (Date.now() - startedAt) / 1000;
  await killer.stop();
  const store = await openStore(installation.store);
  const [record] = await listRuns(store);
  if (record === undefined) problems.push('the run has no record');
  const facts = record === undefined ? {} : await factsOf(store, record);
  if (record !== undefined && subject.mlflow)
    Object.assign(facts, await pointsOf(store, record, installation.mlflow).catch(problem));
  await installation.pawl('down').catch(problem);
  const plan = record === undefined ? null : await readPlan(store, record.planHash);
  return {
    seconds,
    trace: readTrace(home),
    killed: [...killer.done()],
    facts,
    orphans: await orphansOf(home, store),
    intervals: plan === null ? {} : intervalsOf(plan),
    unseen: plan === null ? [] : unseenIn(plan.steps),
    problems,
  };
}

async function pointsOf(store: ObjectStore, record: RunRecord, url: string): Promise<Facts> {
  for (const end = Date.now() + trackingPatienceMs; (await readCursor(store, record))?.complete !== true;) {
    if (Date.now() > end)
      throw new Error(`MLflow does not have all points ${trackingPatienceMs / 1000} s after the end`);
    await sleep(200);
  }
  return pointsIn(url, 'pawl');
}

/** How often each step of a plan checkpoints, by its path without iterations. */
function intervalsOf(plan: Plan): Intervals {
  const intervals: Intervals = {};
  const visit = (steps: Record<string, Node>, prefix: string): void => {
    for (const [name, node] of Object.entries(steps)) {
      if (node.node === 'loop') visit(node.steps, `${prefix}${name}.`);
      else if (node.node === 'step') {
        const { everySteps, everyMs } = node.checkpoint;
        intervals[`${prefix}${name}`] = { everySteps, everyMs };
      }
    }
  };
  visit(plan.steps, '');
  return intervals;
}

/** Paths, without iterations, of loops whose results stay with their host. */
const unseenIn = (steps: Record<string, Node>, prefix = ''): string[] =>
  Object.entries(steps).flatMap(([name, node]) => {
    if (node.node !== 'loop') return [];
    return [...(staysWithHost(node) ? [`${prefix}${name}`] : []), ...unseenIn(node.steps, `${prefix}${name}.`)];
  });
