// What is seen of a run while it goes: the last view of every step in every iteration, and which gates waited.
import type { InputValue } from '../activities/calls.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { FailureView, StatusView, StepView } from '../workflows/status.js';
import type { MemoryStore } from './memory-store.js';
import { findTarget } from './paths.js';
import type { Target } from './paths.js';

export type EndState = 'succeeded' | 'failed' | 'gate-failed' | 'cancelled' | 'paused';

export interface StepSeen {
  path: string;
  target: Target;
  view: StepView;
  /** Attempts of its activity in this run. */
  attempts: number;
  /** Whether it began, whatever came of it. */
  ran: boolean;
}

export interface Observed {
  state: EndState;
  tookMs: number;
  /** In the order in which they came into view. */
  steps: StepSeen[];
  /** Iterations that stand, by path of the loop. */
  iterations: Map<string, number>;
  /** Gates that waited for a person, each path once. */
  waited: string[];
  outputs: Record<string, InputValue>;
  metrics: Record<string, number | null>;
  failures: FailureView[];
  store: MemoryStore;
}

export interface Observer {
  see(status: StatusView): void;
  /** Calls back once for each gate that begins to wait. */
  onWaiting(listener: (waiting: { path: string; workflowId: string }) => void): void;
  steps(attempts: ReadonlyMap<string, number>): StepSeen[];
  iterations: Map<string, number>;
  waited: Set<string>;
}

/** An observer that has seen nothing. */
export function createObserver(plan: Plan): Observer {
  const views = new Map<string, StepView>();
  const iterations = new Map<string, number>();
  const waited = new Set<string>();
  let announce: (waiting: { path: string; workflowId: string }) => void = () => undefined;
  return {
    iterations,
    waited,
    onWaiting: (listener) => void (announce = listener),
    see(status) {
      for (const view of status.steps) {
        // A view that was not touched yet says nothing about one that was.
        if (view.state === 'pending' && views.has(view.path)) continue;
        views.set(view.path, view);
        if (view.clicks !== null) iterations.set(view.path, view.clicks);
      }
      if (status.loop !== null) iterations.set(status.loop.path, status.loop.clicks);
      for (const { path } of status.approvals) {
        if (waited.has(path)) continue;
        waited.add(path);
        announce({ path, workflowId: status.workflowId });
      }
    },
    steps: (attempts) =>
      [...views].flatMap(([path, view]) => {
        const target = findTarget(plan.steps, path);
        return target === null ? [] : [seen(path, target, view, attempts.get(path) ?? 0)];
      }),
  };
}

const seen = (path: string, target: Target, view: StepView, attempts: number): StepSeen => ({
  path,
  target,
  view,
  attempts,
  // What collects the cells of a matrix runs nothing: they do.
  ran: target.node.node === 'loop' || target.node.node === 'gate' ? view.startedAt !== null : attempts > 0,
});
