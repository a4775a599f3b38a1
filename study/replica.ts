// What a replica of a study has measured: the reports of a run, by arm.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../schemas/generated/report.js';
import { report as isReport } from '../schemas/generated/validators.js';
import type { Side } from './endpoints.js';

export interface Replica {
  seed: number;
  arms: Map<string, Arm>;
  /** Numbers that the run handed out. */
  metrics: Record<string, number | null>;
}

export interface Arm {
  folder: string;
  report: Report;
}

/** Reads a report folder. Throws an Error for one that is none. */
export async function readArm(folder: string): Promise<Arm> {
  const report: unknown = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
  if (!isReport(report)) throw new Error(`${folder} holds no report of eval.retrieval.`);
  return { folder, report: report as Report };
}

/** The report of one side. Throws an Error for an arm that the run did not hand out. */
export function folderOf({ arms, seed }: Replica, { arm }: Side): string {
  const found = arms.get(arm);
  if (found === undefined) throw new Error(`The replica of seed ${seed} handed out no report \`${arm}\`.`);
  return found.folder;
}
