// The end of a step: outputs into the store, then the result, once. The first commit wins.
import { join } from 'node:path';
import type { Derivation, Result, StoredArtifact } from '../schemas/generated/records.js';
import { beginIngest } from '../store/artifacts.js';
import { folderFiles, isRealFolder } from '../store/folder-files.js';
import { checkResult, commitResult, readResult } from '../store/results.js';
import type { ObjectStore } from '../store/store.js';
import type { ArtifactRef, StepCall, StepOutcome } from './calls.js';
import { checkOutput } from './check-output.js';
import { StepFailure } from './kind.js';
import type { Made } from './volatile-results.js';

/** Where the outputs of an attempt lie. Pure. */
export const outputFolder = (attemptFolder: string, name: string): string => join(attemptFolder, 'outputs', name);

/** The result that stands for a key, whole; null when there is none. */
export async function standingResult(store: ObjectStore, key: string): Promise<Result | null> {
  const result = await readResult(store, key);
  return result !== null && (await checkResult(store, result)) === 'ok' ? result : null;
}

export interface FinishedAttempt {
  call: StepCall;
  derivation: Derivation;
  outputs: Result['outputs'];
  /** When they are in the store, and the journal. */
  stored: Promise<unknown>;
  attempt: string;
  metrics: Record<string, number | null>;
  startedAt: number;
  endedAt: number;
  /** Seconds of its shards; 0 without. */
  shardSeconds: number;
  resumedFrom: number | null;
  provenance: Record<string, string>;
  /** The attempt whose journal is the step's, or null when there were no points. */
  journal: string | null;
  warnings: string[];
}

/** Fails when what an attempt left in its output folders is not what its kind promises. */
export async function checkOutputs(
  call: StepCall,
  folder: string,
): Promise<Record<string, Pick<StoredArtifact, 'type'> & { paths: string[] }>> {
  const outputs = Object.entries(call.outputs).map(async ([name, type]) => {
    const path = outputFolder(folder, name);
    if (!(await isRealFolder(folder, path)))
      throw new StepFailure(
        'internal',
        `Internal error: ${call.uses} ended without a folder for its output \`${name}\`, or with a link in its place.`,
      );
    const paths = await folderFiles(path); // before anything is read: a link would lead out of it
    await checkOutput(path, { kind: call.uses, name, type });
    return [name, { type, paths }] as const;
  });
  return Object.fromEntries(await Promise.all(outputs));
}

/** Outputs on their way into the store; see Ingest. */
export interface StoringOutputs {
  outputs: Result['outputs'];
  stored: Promise<void>;
}

/** Begins to store what an attempt left in its output folders, once it is checked. Safe to run again. */
export async function storeOutputs(store: ObjectStore, call: StepCall, folder: string): Promise<StoringOutputs> {
  const checked = Object.entries(await checkOutputs(call, folder));
  const begun = await Promise.all(
    checked.map(async ([name, { type, paths }]) => ({
      name,
      ...(await beginIngest(store, outputFolder(folder, name), type, { paths })),
    })),
  );
  const stored = Promise.all(begun.map((output) => output.stored)).then(() => undefined);
  stored.catch(() => undefined); // told to who waits
  return { outputs: Object.fromEntries(begun.map(({ name, artifact }) => [name, artifact])), stored };
}

/** Commits. Returns the result that stands and whether it is this one. Safe to run again. */
export async function commitStep(
  store: ObjectStore,
  done: FinishedAttempt,
): Promise<{ committed: boolean; result: Result }> {
  const { call, outputs, stored } = done;
  const { attempt, resumedFrom, provenance, journal, derivation } = done;
  const result: Result = {
    schema: 1,
    key: call.key,
    derivation,
    outputs,
    metrics: done.metrics,
    run: call.run.workflowId,
    path: call.path,
    attempt,
    startedAt: new Date(done.startedAt).toISOString(),
    endedAt: new Date(done.endedAt).toISOString(),
    seconds: (done.endedAt - done.startedAt) / 1000 + done.shardSeconds,
    resumedFrom,
    provenance,
    journal,
    ...toldOf(done.warnings),
  };
  return commitResult(store, result, stored);
}

/** What the workflow learns of a result. `hostQueue` is where a following step finds this one's outputs warm. Pure. */
export function outcomeOf(
  result: Made,
  run: { attempts: number; hostQueue: string | null; host?: string },
): StepOutcome {
  const held = run.host === undefined ? {} : { volatile: run.host };
  const outputs = Object.entries(result.outputs).map(([output, { type }]): [string, ArtifactRef] => [
    output,
    { $artifact: { key: result.key, output, type, ...held } },
  ]);
  const { key, metrics, seconds, resumedFrom, warnings } = result;
  return { key, outputs: Object.fromEntries(outputs), metrics, seconds, resumedFrom, ...toldOf(warnings), ...run };
}

/** Warnings as they are kept: absent where there are none. Pure. */
export const toldOf = (warnings: string[] = []): { warnings?: string[] } => (warnings.length === 0 ? {} : { warnings });

/** Metrics as they are kept: what is not finite is null. Pure. */
export const finiteOrNull = (metrics: Record<string, number | null>): Record<string, number | null> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]));
