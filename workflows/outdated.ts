// A run that this worker is too old for is left alone: what is thrown is no failure, so the workflow task is tried again until a
// newer worker takes it, and nothing of the run is lost. The command shows the message to whoever waits (cli/trouble.ts).
import type { RunInput } from '../activities/calls.js';
import { isOfClass } from './failure.js';

/** The plans that this interpreter understands. */
const irVersion = 1;

/** What a run may ask of the interpreter. */
const knownFeatures: Record<keyof RunInput['features'], true> = {
  searchAttributes: true,
  freshSteps: true,
  volatile: true,
  again: true,
  shards: true,
};

/** Not an ApplicationFailure on purpose: that would end the run. */
export class OutdatedWorker extends Error {
  constructor(fact: string) {
    super(`${fact}: update the worker. The run is left as it is and goes on when a newer worker is there.`);
    this.name = 'OutdatedWorker';
  }
}

/** Throws OutdatedWorker for a plan of a newer version. */
export function checkVersion(plan: { irVersion: number }): void {
  if (plan.irVersion <= irVersion) return;
  throw new OutdatedWorker(`the plan has irVersion ${plan.irVersion}, and this worker knows those up to ${irVersion}`);
}

/** Throws OutdatedWorker for a run that needs what this interpreter does not have. */
export function checkFeatures(features: object): void {
  const unknown = Object.entries(features).filter(
    ([name, value]) => value === true && !Object.hasOwn(knownFeatures, name),
  );
  if (unknown.length === 0) return;
  throw new OutdatedWorker(
    `the run needs \`${unknown.map(([name]) => name).join('`, `')}\`, which this worker does not know`,
  );
}

/** What `loadPlan` fails with, as what it means to the run: a plan that this worker cannot read is left alone, too. Pure. */
export const outdatedOr = (error: unknown): unknown =>
  isOfClass(error, ['worker_outdated']) && error instanceof Error
    ? new OutdatedWorker(error.message.replace(/[.:]\s.*$/s, ''))
    : error;
