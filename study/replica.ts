// What a replica of a study has measured: figures by arm, mode and query, read from the reports of a run.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../schemas/generated/report.js';
import { report as isReport } from '../schemas/generated/validators.js';
import type { QueryFigures } from '../retrieval/report.js';
import type { Side } from './endpoints.js';

export interface Replica {
  seed: number;
  arms: Map<string, Arm>;
  /** Numbers that the run handed out. */
  metrics: Record<string, number | null>;
}

export interface Arm {
  report: Report;
  lines: QueryFigures[];
}

/** Reads a report folder. Throws an Error for one that is none. */
export async function readArm(folder: string): Promise<Arm> {
  const report: unknown = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
  if (!isReport(report)) throw new Error(`${folder} holds no report of eval.retrieval.`);
  const lines = (await readFile(join(folder, 'queries.jsonl'), 'utf8')).split('\n').filter((line) => line !== '');
  return { report: report as Report, lines: lines.map((line) => JSON.parse(line) as QueryFigures) };
}

/** Figures of one side by query, in the order of the file. Throws an Error for an arm or mode that was not evaluated. */
export function linesOf({ arms, seed }: Replica, { arm, mode }: Side): QueryFigures[] {
  const lines = arms.get(arm)?.lines.filter((line) => line.mode === mode) ?? [];
  if (lines.length === 0)
    throw new Error(
      `The replica of seed ${seed} has no figures of ${arm}.${mode}: its eval.retrieval needs that mode.`,
    );
  return lines;
}
