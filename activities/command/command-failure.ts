// Which failure the end of a user's program is: by what it said, its exit code or its signal.
import { howItEnded, readExit } from '../engine/exit-failure.js';
import type { Failed } from '../../schemas/generated/event.js';
import type { FailureClass } from '../../schemas/generated/plan.js';
import { StepFailure } from '../kind.js';
import type { ProgramEnd } from './program.js';

export interface EndFacts {
  argv: readonly string[];
  shell: boolean;
  /** Its last lines, masked. */
  tail: string;
  log: string;
  /** Its last event of that type. */
  failed: Failed | null;
}

/** The failure of a program that has ended; null when it ended well. Pure; exit codes as in schemas/failure-classes.json. */
export function failureOfCommand(end: ProgramEnd, facts: EndFacts): StepFailure | null {
  const [program = ''] = facts.argv;
  if (end.error !== null) return new StepFailure('config', notStarted(end.error, program), { program });
  if (end.code === 0 && facts.failed === null) return null;
  const details = { exitCode: end.code, signal: end.signal, log: facts.log, output: facts.tail };
  const { failed } = facts;
  if (failed !== null) {
    const traceback = failed.traceback === null ? {} : { traceback: failed.traceback };
    return new StepFailure(ownClass(failed.class), failed.message, { ...failed.details, ...details, ...traceback });
  }
  const { failureClass, says } = readExit(end, facts.tail);
  const lastLines =
    facts.tail === '' ? ` It wrote nothing (${facts.log}).` : `\nIts last lines (${facts.log}):\n${facts.tail}`;
  const line = facts.argv.join(' ');
  const shown = line.length > 200 ? `${line.slice(0, 199)}…` : line;
  // A shell says by 127 and 126 that there is no such program.
  const isMissing = facts.shell && (end.code === 127 || end.code === 126);
  const message = `\`${shown}\` ${howItEnded(end)}.${isMissing ? '' : says}${lastLines}`;
  return new StepFailure(isMissing ? 'config' : ownClass(failureClass), message, details);
}

/** `internal` is a bug of Pawl and `cancelled` somebody's wish; this is the user's program. */
const ownClass = (failureClass: FailureClass): FailureClass =>
  failureClass === 'internal' || failureClass === 'cancelled' ? 'trainer_crash' : failureClass;

function notStarted(error: string, program: string): string {
  switch (error) {
    case 'ENOENT':
      return `There is no program \`${program}\` on this worker. One of \`code\` is written with its path, e.g. ./${program.replace(/^\.\//, '')}; any other must be on the PATH of the worker.`;
    case 'EACCES':
      return `\`${program}\` is no program: it neither begins with #! nor is a binary. Write run: [python, ${program}], or whatever reads it.`;
    default:
      return `\`${program}\` cannot be started: ${error}.`;
  }
}
