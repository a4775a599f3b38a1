// A loop on a host that holds what it makes between two clicks, and loses it when it is told to.
import type { CommitVolatileInput, InputValue, StepCall, StepOutcome } from '../../activities/calls.js';
import type { LoopNode, Plan } from '../../schemas/generated/plan.js';
import type { WorldOptions } from '../../workflows/port-in-process.js';
import type { InProcessStep } from '../../workflows/in-process-steps.js';
import { benchOf, countingLoop, expr, failWith, outcomeOf, planOf } from './rig.js';
import type { Bench } from './rig.js';

/** Of a run whose results may stay with their host. */
export const features = { features: { searchAttributes: false, volatile: true } };

export interface HostBench {
  bench: Bench;
  /** Queues that clicks were committed on. */
  queues: string[];
  /** What the host was asked to commit. */
  committed: CommitVolatileInput[];
}

interface Happenings extends Partial<WorldOptions> {
  /** Before a step computes. */
  onCall?: (...step: [...Parameters<InProcessStep>, { lose: () => void }]) => void | Promise<void>;
  /** Before a click's results are committed. */
  onClick?: (path: string, lose: () => void) => void | Promise<void>;
}

/** A bench with one such host, `h`. */
export function hostBench({ onCall, onClick, ...options }: Happenings = {}): HostBench {
  const held = new Map<string, StepOutcome>();
  const lose = (): void => held.clear();
  const queues: string[] = [];
  const committed: CommitVolatileInput[] = [];
  const bench: Bench = benchOf(
    async (call, host) => {
      await onCall?.(call, host, { lose });
      for (const value of Object.values(call.inputs)) if (isLost(value)) failWith('volatile_lost', 'it is gone');
      const made = outcomeOf(call);
      if (call.volatile === undefined) return made;
      held.set(call.key, made);
      return { ...made, host: 'h', outputs: { out: heldRef(call) } };
    },
    {
      commitVolatile: async (input, queue) => {
        queues.push(queue);
        await onClick?.(input.path, lose);
        for (const key of input.keys) {
          const outcome = held.get(key) ?? bench.store.results.get(key) ?? failWith('volatile_lost', 'it is gone');
          bench.store.results.set(key, outcome);
        }
        committed.push(input);
        return { isOther: false };
      },
      ...options,
    },
  );
  const isLost = (value: InputValue): boolean => {
    const { $artifact } = (value ?? {}) as { $artifact?: { key: string; volatile?: string } };
    if ($artifact === undefined || bench.store.results.has($artifact.key)) return false;
    return !held.has($artifact.key);
  };
  return { bench, queues, committed };
}

const heldRef = ({ key }: StepCall): StepOutcome['outputs'][string] => ({
  $artifact: { key, output: 'out', type: 'folder', volatile: 'h' },
});

/** A plan of a loop that counts, `rl`. */
export const countingPlan = (given: Partial<LoopNode>): Plan =>
  planOf({ rl: countingLoop(given) }, { outputs: { last: expr('steps.rl.outputs.at') } });

export const clicksOf = ({ store }: Bench): { index: number; carry: unknown }[] => [...store.clicks.values()][0] ?? [];

/** Paths of the steps whose results are in the store, sorted. */
export const committedPaths = ({ store, calls }: Bench): string[] =>
  [...new Set(calls.filter(({ call }) => store.results.has(call.key)).map(({ path }) => path))].sort();
