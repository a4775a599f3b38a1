// `npm run chaos -- --seed N --kills K`: kills -9 what runs, and compares what comes out with an undisturbed run.
import { join } from 'node:path';
import { campaign } from './campaign.js';
import { codeDigest } from './code-digest.js';
import { reportOf } from './report.js';

export interface ChaosOptions {
  root: string;
  /** Arguments of `pawl run`. */
  run: string[];
  seed: number;
  kills: number;
  killsPerRun: number;
  /** Folder of the log and of the undisturbed run. */
  out: string;
}

/** Runs the campaign, prints as it goes, and returns the exit status: 0 when everything held. */
export async function chaos(options: ChaosOptions): Promise<number> {
  const { root, run, seed, kills, killsPerRun, out } = options;
  const logFile = join(out, `seed-${seed}.jsonl`);
  const say = (line: string): void => console.log(line);
  const { reference, lines } = await campaign({
    subject: { root, run, mlflow: true },
    ...{ seed, kills, killsPerRun, logFile, say },
    code: codeDigest(root),
    referenceFile: join(out, 'reference.json'),
  });
  const { lines: report, holds } = reportOf(lines, kills, `npm run chaos -- --seed ${seed} --kills ${kills}`);
  say(`\nSeed ${seed}, ${run.join(' ')} (undisturbed: ${reference.seconds.toFixed(0)} s)\n`);
  for (const line of report) say(line);
  say(`\nLog: ${logFile}`);
  return holds ? 0 : 1;
}
