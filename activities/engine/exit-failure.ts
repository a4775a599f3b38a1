// Which failure the end of a trainer process is: by what it said on leaving, its exit code or its signal.
import { failureClasses } from '../../schemas/generated/kinds.js';
import { allFailureClasses } from '../../schemas/failures.js';
import type { FailureClass } from '../../schemas/generated/plan.js';
import { StepFailure } from '../kind.js';

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The failure of the job that a trainer was doing when it ended. Pure; classes as in schemas/failure-classes.json. */
export function failureOfExit(end: ProcessEnd, facts: { doing: string; stderr: string; log: string }): StepFailure {
  const details = { exitCode: end.code, signal: end.signal, log: facts.log, stderr: facts.stderr };
  const lastLines = facts.stderr === '' ? '' : `\nIts last lines (${facts.log}):\n${facts.stderr}`;
  const how = end.signal !== null ? `was ended by ${end.signal}` : `ended with exit code ${end.code ?? 'unknown'}`;
  const killed = end.signal === 'SIGKILL' || end.code === 137;
  const note = killed
    ? ' Nobody asked for it here, so it may be the kernel that ran out of memory (`dmesg` tells), or somebody who ended it.'
    : '';
  const message = `The trainer process ${how} while it was ${facts.doing}.${note}${lastLines}`;
  return new StepFailure(classOfExit(end), message, details);
}

/** The class that declares this exit code; SIGTERM is a preemption, everything else a crash. Pure. */
export function classOfExit(end: ProcessEnd): FailureClass {
  if (end.signal === 'SIGTERM' || end.code === 143) return 'preempted';
  const declared = allFailureClasses().find((name) => failureClasses[name].exitCode === end.code);
  return end.code === null ? 'trainer_crash' : (declared ?? 'trainer_crash');
}
