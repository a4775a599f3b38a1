// The store of a test: results, clicks and checkpoints in memory, under the keys that a real run would use. Nothing is
// pruned.
import { ApplicationFailure } from '@temporalio/common';
import type { ClickView, LocalActivities, OpenLoopOutput, ResolveInput, StepOutcome } from '../activities/calls.js';
import { apartOf, deriveStep, keyedApart } from '../schemas/derivation.js';
import type { StepDerivation } from '../schemas/derivation.js';
import type { Plan } from '../schemas/generated/plan.js';
import { loopKey, planHash } from '../schemas/identity.js';

export interface MemoryStore {
  results: Map<string, StepOutcome>;
  clicks: Map<string, ClickView[]>;
  /** Milliseconds of work that the newest checkpoint holds, by checkpoint key. */
  kept: Map<string, number>;
  /** Paths of the steps that made a result, by key. */
  makers: Map<string, Set<string>>;
}

export const emptyStore = (): MemoryStore => ({
  results: new Map(),
  clicks: new Map(),
  kept: new Map(),
  makers: new Map(),
});

/** A store that begins with what another holds; writing to one does not touch the other. */
export const copyOf = (store: MemoryStore): MemoryStore => ({
  results: new Map(store.results),
  clicks: new Map([...store.clicks].map(([key, clicks]) => [key, [...clicks]])),
  kept: new Map(store.kept),
  makers: new Map([...store.makers].map(([key, paths]) => [key, new Set(paths)])),
});

/** Notes which step a result comes from. */
export function noteMaker({ makers }: MemoryStore, key: string, path: string): void {
  makers.set(key, (makers.get(key) ?? new Set()).add(path));
}

/** The result of a step that the case calls cached; null for one that it does not. */
export type CachedByCase = (input: ResolveInput, key: string) => StepOutcome | null;

/** The local activities on a store in memory. */
export function localOn(store: MemoryStore, plan: Plan, cachedByCase: CachedByCase): LocalActivities {
  const clicksOf = (key: string): ClickView[] => store.clicks.get(key) ?? [];
  const hash = planHash(plan);
  return {
    loadPlan: async ({ planHash: asked }) => {
      if (asked === hash) return plan;
      throw ApplicationFailure.nonRetryable(`no plan ${asked}`, 'data');
    },
    resolve: async (input) => {
      const { key, checkpointKey, seed } = derived(input);
      const outcome = store.results.get(key) ?? cachedByCase(input, key);
      if (outcome !== null) {
        const [maker] = store.makers.get(key) ?? [];
        const reason = maker === undefined ? 'the case says so' : `the same was made by ${maker}`;
        noteMaker(store, key, input.path);
        store.results.set(key, outcome);
        return { state: 'cached', key, reason, outcome: { ...outcome, seconds: 0, attempts: 0 } };
      }
      const state = store.kept.has(checkpointKey) ? 'resumable' : 'run';
      const reason = state === 'run' ? 'no result yet' : 'a checkpoint';
      return { state, key, checkpointKey, seed, reason, checkpointStep: null };
    },
    openLoop: async ({ identity, max }): Promise<OpenLoopOutput> => {
      const key = loopKey(identity);
      const below = clicksOf(key).filter(({ index }) => index < max);
      const history = below.map(({ index, metrics }) => ({ index, metrics, restorable: true }));
      return { loopKey: key, newest: below.at(-1) ?? null, history };
    },
    loadClick: async ({ loopKey: key, index }) => clicksOf(key).find((click) => click.index === index) ?? null,
    commitClick: async ({ loopKey: key, click: { index, carry, metrics } }) => {
      const standing = clicksOf(key).find((click) => click.index === index);
      if (standing !== undefined) return standing;
      const click = { index, carry, metrics };
      store.clicks.set(key, [...clicksOf(key), click]);
      return click;
    },
    recordRun: async () => undefined,
    // A test reaches nobody.
    notify: async () => ({ warning: null }),
  };
}

/** Keys as the real `resolve` derives them; what the machine would add is the same on every machine. */
function derived({ run, uses, kind: declared, inputs, runSeed, indices, cache, again }: ResolveInput): StepDerivation {
  const fields = Object.fromEntries(declared.environment.map((field) => [field, 'test']));
  const { kind, environment } = keyedApart(declared, fields, apartOf({ cache, again }, run.workflowId));
  return deriveStep({ kindName: uses, kind, inputs, runSeed, indices, environment });
}
