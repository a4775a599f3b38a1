// What a loop does with results between two clicks: they stay with the worker that made them, are named by derivation and
// host, and only those that a click carries are committed.
import type { ArtifactRef, InputValue, IterationView, VolatileStep } from '../activities/calls.js';
import { staysWithHost } from '../schemas/between-clicks.js';
import { isOfClass } from './failure.js';
import type { LoopPositionState } from './loop-input.js';
import type { LoopRun } from './loop-position.js';
import { hostQueue } from './placement.js';
import { iterationPath } from '../schemas/ids.js';
import type { Carries } from './scope.js';

/** Where a loop is between two clicks: everything the next iteration depends on. */
export interface Progress {
  /** Index of the next iteration. */
  next: number;
  carry: Carries;
  /** The iterations since the last click. */
  earlier: IterationView[];
}

/** Rewinds without a click between, from which on each result is committed at once. */
const rewindsUntilCommitted = 2;

/** Whether results stay with the worker until the next click. Pure. */
export const isVolatile = ({ run, node }: LoopRun, position: LoopPositionState): boolean =>
  run.volatile && staysWithHost(node) && position.rewinds < rewindsUntilCommitted;

/** The position with each result committed until the next click. Pure. */
export const committing = (position: LoopPositionState): LoopPositionState => ({
  ...position,
  rewinds: rewindsUntilCommitted,
});

/** What the steps of an iteration are told. */
export const volatileStep = ({ run }: LoopRun, index: number, carry: Carries): VolatileStep => ({
  loop: run.port.execution().workflowId,
  iteration: index,
  carried: heldIn(carry).map(({ $artifact }) => $artifact.key),
});

export interface Kept {
  /** The carries as they are when nothing of them is held. */
  carry: Carries;
  /** Whether what stands for one of them was made by another run. */
  isOther: boolean;
}

/**
 * Has the hosts commit what the carries name and nobody has committed; `isRead` where the next iteration reads what is held
 * meanwhile. `lost` = it is gone.
 */
export async function committed(
  { run, input }: LoopRun,
  { index, carry, isRead }: { index: number; carry: Carries; isRead: boolean },
): Promise<Kept | 'lost'> {
  const keys = new Map<string, Set<string>>();
  for (const { $artifact } of heldIn(carry)) {
    const { volatile: host = '', key } = $artifact;
    keys.set(host, (keys.get(host) ?? new Set()).add(key));
  }
  const loop = run.port.execution().workflowId;
  const path = iterationPath(input.path, index);
  let isOther = false;
  try {
    for (const [host, held] of keys) {
      const queue = hostQueue(run.placement.workflowQueue, host);
      const click = { run: run.info, path, loop, keys: [...held], ...(isRead ? { isRead } : {}) };
      isOther = (await run.port.commitVolatile(click, queue)) || isOther;
    }
  } catch (error) {
    if (isOfClass(error, ['volatile_lost'])) return 'lost';
    throw error;
  }
  const settledCarry = Object.entries(carry).map(([name, value]) => [name, settled(value)] as const);
  return { carry: Object.fromEntries(settledCarry), isOther };
}

/** The artifacts in a value that are not committed. Pure. */
function heldIn(value: unknown): ArtifactRef[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isArtifact(value)) return value.$artifact.volatile === undefined ? [] : [value];
  return Object.values(value).flatMap(heldIn);
}

function settled(value: InputValue): InputValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(settled);
  if (isArtifact(value)) {
    const { key, output, type } = value.$artifact;
    return { $artifact: { key, output, type } };
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, settled(item)]));
}

const isArtifact = (value: object): value is ArtifactRef => Object.hasOwn(value, '$artifact');
