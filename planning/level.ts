// What planning carries along: the whole look, and one level of it (the root, or the next iteration of a loop). Types only.
import type { Node, Plan } from '../schemas/generated/plan.js';
import type { ObjectStore } from '../store/store.js';
import type { History } from './history.js';
import type { Known } from './known-values.js';

export interface Planning {
  plan: Plan;
  /** Remembers what was read, and writes nothing. */
  store: ObjectStore;
  environment: Record<string, string>;
  workflowId: string | null;
  now: number;
  /** Path of the step by its key, for reasons. */
  producers: Map<string, string>;
  history: History;
  /** Where it is noted what a run may need; null when it is only looked at. */
  needs: Needs | null;
}

/** What a run may need of the store, by key. */
export interface Needs {
  /** Of steps: their results, and checkpoints of steps without one. */
  steps: Set<string>;
  checkpoints: Set<string>;
  loops: Set<string>;
}

export interface Level {
  planning: Planning;
  nodes: Record<string, Node>;
  /** '' at the top, `rl[12]` in an iteration. */
  prefix: string;
  /** Of the enclosing loops, outermost first. */
  indices: number[];
  /** Whether results stay with one worker until the next click: there, no step runs as shards. */
  staysWithHost: boolean;
  known: Known;
}
