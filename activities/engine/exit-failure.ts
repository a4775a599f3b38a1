// Which failure the end of a program is: by its exit code or signal, the kernel's word, and its last lines.
import { constants } from 'node:os';
import { failureClasses } from '../../schemas/generated/kinds.js';
import { allFailureClasses } from '../../schemas/failures.js';
import type { FailureClass } from '../../schemas/generated/plan.js';
import { classOfMessage } from '../failure-message.js';
import { StepFailure } from '../kind.js';

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Processes that the kernel ended for want of memory while it ran, in its control group. */
  memoryKills: number;
}

/** The failure of the job that a trainer was doing when it ended. Pure; classes as in schemas/failure-classes.json. */
export function failureOfExit(end: ProcessEnd, facts: { doing: string; stderr: string; log: string }): StepFailure {
  const { code, signal } = end;
  const details = { exitCode: code, signal, log: facts.log, stderr: facts.stderr };
  const lastLines = facts.stderr === '' ? '' : `\nIts last lines (${facts.log}):\n${facts.stderr}`;
  const { failureClass, says } = readExit(end, facts.stderr);
  const message = `The trainer process ${howItEnded(end)} while it was ${facts.doing}.${says}${lastLines}`;
  return new StepFailure(failureClass, message, details);
}

/** `was ended by SIGKILL`, `ended with exit code 137 (SIGKILL)`. Pure. */
export function howItEnded({ code, signal }: ProcessEnd): string {
  if (signal !== null) return `was ended by ${signal}`;
  const named = signalOf({ code, signal });
  return `ended with exit code ${code ?? 'unknown'}${named === null ? '' : ` (${named})`}`;
}

/**
 * The class of an end and a sentence about it, with a space before; '' when there is nothing to add. In this order: the
 * system or the scheduler asked it to end, its exit code declares a class, the kernel ended it, its last lines say why. Pure.
 */
export function readExit(end: ProcessEnd, lastLines: string): { failureClass: FailureClass; says: string } {
  const signal = signalOf(end);
  if (signal === 'SIGTERM') return { failureClass: 'preempted', says: '' };
  const declared = end.code === null ? undefined : classOfCode(end.code);
  if (declared !== undefined && declared !== 'trainer_crash') return { failureClass: declared, says: '' };
  if (end.memoryKills > 0) return { failureClass: 'oom', says: ' The kernel ended it because memory ran out.' };
  const message = classOfMessage(lastLines);
  if (message !== null) return { failureClass: message.failureClass, says: ` ${message.says}` };
  const note = signal === null ? undefined : notes[signal];
  return { failureClass: signal === 'SIGXFSZ' ? 'store_unavailable' : 'trainer_crash', says: note ?? '' };
}

const classOfCode = (code: number): FailureClass | undefined =>
  allFailureClasses().find((name) => failureClasses[name].exitCode === code);

const notes: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL:
    ' Nobody asked for it here, so it may be the kernel that ran out of memory (`dmesg` tells), or somebody who ended it.',
  SIGBUS: ' A file in memory could not be read: is /dev/shm or the disk full?',
  SIGXFSZ: ' It wrote a file that is larger than the limit (`ulimit -f`).',
};

/** The signal itself, or what a shell says of it by an exit code above 128. Pure. */
function signalOf({ code, signal }: Pick<ProcessEnd, 'code' | 'signal'>): NodeJS.Signals | null {
  if (signal !== null || code === null || code <= 128) return signal;
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}
