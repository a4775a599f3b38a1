// A home for real training: the real command, servers, worker and trainer, and a look into the store beside them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunRecord, Result, StepRecord } from '../../schemas/generated/records.js';
import { listAll } from '../../store/list-all.js';
import { openStore } from '../../store/open.js';
import { readResult } from '../../store/results.js';
import type { ObjectStore } from '../../store/store.js';
import { pawlRig, type Outcome, type PawlRig } from '../cli/pawl-rig.js';
import { freePort } from '../local/home-rig.js';

export const pipeline = join(import.meta.dirname, 'tiny.yaml');

export interface TrainingRig extends PawlRig {
  home: string;
  store: ObjectStore;
  /** Of a run that follows to its end with --json: the exit status, the record that it ended with, seconds. */
  train(args: string[], env?: NodeJS.ProcessEnv): Promise<Ended>;
}

export interface Ended extends Outcome {
  record: RunRecord | null;
  seconds: number;
}

/** Nothing is started yet. With `mlflow` the embedded MLflow belongs to it. */
export async function trainingRig(options: { mlflow: boolean }): Promise<TrainingRig> {
  const rig = await pawlRig();
  if (options.mlflow) {
    delete rig.env.MLFLOW_TRACKING_URI;
    rig.env.PAWL_MLFLOW_PORT = String(await freePort());
  }
  const home = join(rig.folder, 'home');
  return {
    ...rig,
    home,
    store: await openStore(join(home, 'store')),
    async train(args, env) {
      const startedMs = Date.now();
      const outcome = await rig.pawl(['run', pipeline, ...args, '--json'], env);
      return { ...outcome, record: recordIn(outcome.stdout), seconds: (Date.now() - startedMs) / 1000 };
    },
  };
}

/** The record in the last line of what `--json` wrote; null when the run was left. */
function recordIn(stdout: string): RunRecord | null {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? ((JSON.parse(last) as { record?: RunRecord }).record ?? null) : null;
}

/** Step -> state. */
export const statesOf = (record: RunRecord | null): Record<string, StepRecord['state']> =>
  Object.fromEntries((record?.steps ?? []).map(({ path, state }) => [path, state]));

/** Every committed result by key. */
export async function resultsIn(store: ObjectStore): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  for (const { name } of await listAll(store, 'results/')) {
    const result = await readResult(store, name.slice('results/'.length, -'.json'.length));
    if (result !== null) results.set(result.key, result);
  }
  return results;
}

/** What was made, by the step that made it: digests of the outputs, and metrics. */
export const madeBy = (results: Iterable<Result>): Record<string, unknown> =>
  Object.fromEntries(
    [...results].map(({ path, key, outputs, metrics }) => [
      `${path} ${key}`,
      { outputs: Object.fromEntries(Object.entries(outputs).map(([name, { tree }]) => [name, tree])), metrics },
    ]),
  );

/** Newest step of any checkpoint in the store; -1 when there is none. */
export async function newestCheckpointStep(store: ObjectStore): Promise<number> {
  const objects = await listAll(store, 'checkpoints/');
  return Math.max(-1, ...objects.map(({ name }) => Number.parseInt(name.split('/').at(-1) ?? '', 10)));
}

/** How many iterations are kept. */
export const clicksIn = async (store: ObjectStore): Promise<number> => (await listAll(store, 'loops/')).length;

/** What the supervisor keeps. */
type Kept = 'temporal' | 'worker' | 'mlflow';

/** Id of the supervisor or of a process that it keeps. */
export function pidOf({ home }: Pick<TrainingRig, 'home'>, name: Kept | 'supervisor'): number {
  const text = readFileSync(join(home, 'run', `${name}.json`), 'utf8');
  const { process: found } = JSON.parse(text) as { process: { pid: number } | null };
  if (found === null) throw new Error(`${name} does not run: ${text}`);
  return found.pid;
}

/** Id of the process that came after another one; null while there is none. */
export function pidAfter(rig: Pick<TrainingRig, 'home'>, name: Kept, old: number): number | null {
  try {
    const pid = pidOf(rig, name);
    return pid === old ? null : pid;
  } catch {
    return null;
  }
}

/** Id of the process that computes for a worker; null when there is none. */
export function trainerOf(worker: number): number | null {
  const row = processes().find(({ parent, command }) => parent === worker && command.includes('pawl_trainer'));
  return row?.pid ?? null;
}

/** What runs on behalf of a home: whatever names it in its command line or its environment. */
export const processesOf = (home: string): string[] =>
  processes()
    .filter(({ command }) => command.includes(home))
    .map(({ pid, command }) => `${pid} ${command.slice(0, 200)}`);

function processes(): { pid: number; parent: number; command: string }[] {
  return execFileSync('ps', ['axeww', '-o', 'pid=,ppid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    .split('\n')
    .flatMap((line) => {
      const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
    });
}

/** Polls until `look` gives something else than null or false; fails with what `describe` says. */
export async function until<T>(
  look: () => Promise<T | null | false> | T | null | false,
  timeoutMs: number,
  describe: () => string,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${describe()}`);
    await sleep(50);
  }
}
