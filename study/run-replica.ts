// One replica of a study: `pawl run` with a seed, as anybody would run it, then its reports out of the store. What an earlier study,
// or an interrupted one, has made is found there.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ArtifactRef } from '../schemas/generated/records.js';
import { materialise } from '../store/artifacts.js';
import { readResult } from '../store/results.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { readArm, type Arm, type Replica } from './replica.js';

export interface Study {
  /** The folder of the clone. */
  root: string;
  /** Arguments of `pawl run`: the file, and what is set. */
  run: string[];
  store: ObjectStore;
  cacheDir: string;
}

/** Runs a replica, showing its progress, and reads what it measured. Throws an Error when the run does not succeed. */
export async function runReplica(study: Study, seed: number): Promise<Replica> {
  return { seed, ...(await measuredBy(study, await succeeded(study, seed))) };
}

/** What the latest execution of a run handed out. Throws an Error when the store has no record of one that is done. */
export async function measuredBy(
  study: Pick<Study, 'store' | 'cacheDir'>,
  workflowId: string,
): Promise<Omit<Replica, 'seed'>> {
  // The latest comes first; earlier ones of the same name may have failed.
  const record = (await listRuns(study.store)).find((one) => one.workflowId === workflowId && one.state === 'done');
  if (record === undefined) throw new Error(`The store has no record of ${workflowId} that is done.`);
  const arms: [string, Arm][] = [];
  for (const [arm, output] of Object.entries(record.outputs)) {
    const { key, output: name } = (output as ArtifactRef).$artifact;
    const stored = (await readResult(study.store, key))?.outputs[name];
    if (stored?.type === 'report')
      arms.push([arm, await readArm(await materialise(study.store, study.cacheDir, stored.tree))]);
  }
  return { arms: new Map(arms), metrics: record.metrics };
}

function succeeded({ root, run }: Study, seed: number): Promise<string> {
  const args = [join(root, 'bin', 'pawl.mjs'), 'run', ...run, '--seed', String(seed), '--wait', '--json'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let workflowId = '';
    let why = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      const news = JSON.parse(line) as { type: string; workflowId?: string; message?: string };
      workflowId = news.workflowId ?? workflowId;
      why = news.message ?? why;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(workflowId);
      else
        reject(
          new Error(
            `The replica of seed ${seed} ended with ${code ?? 'a signal'}. ${why} See \`pawl status ${workflowId}\`.`,
          ),
        );
    });
  });
}
