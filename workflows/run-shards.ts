// A step as several side by side: its shards, each a step of its own with a key, attempts and a result, then the step itself,
// which puts together what they made. All shards are scheduled at once; how many run is up to the trainers.
// I1: shards leave the key of the step as it is, so a result that stands is found before any shard is.
import type { InputValue } from '../activities/calls.js';
import type { PlanKind, StepNode } from '../schemas/generated/plan.js';
import { shardName } from '../schemas/ids.js';
import { shardInputs } from '../schemas/shards.js';
import { attemptsOf, failure, failureOfAll, readFailures } from './failure.js';
import type { Level, Outcome } from './level.js';
import { showShards, update } from './state.js';
import type { FailureView } from './status.js';
import { createStop } from './stop.js';

/** A step with all that its calls are made of. */
export interface Task {
  level: Level;
  path: string;
  node: StepNode;
  kind: PlanKind;
  inputs: Record<string, InputValue>;
}

/** What the shards of a step have made, in their order; or why they did not. */
export type Shards =
  | { status: 'done'; made: Record<string, InputValue>[]; startedAt: number }
  | Extract<Outcome, { status: 'cancelled' | 'left' }>;

/** Whether a step runs as shards here: not between two clicks of a loop, where all results stay with one worker. Pure. */
export const runsAsShards = ({ level, node }: Task): boolean =>
  level.run.shards && node.shards !== undefined && level.volatile === undefined;

/**
 * Runs the shards of a step, `runOne` each. After a failure the others finish, unless the step says `fail-fast`. Throws one
 * failure that lists those of all shards, each under its path.
 */
export async function runShards(task: Task, runOne: (shard: Task) => Promise<Outcome>): Promise<Shards> {
  const { path, node, level } = task;
  const { state, port, stop: runStop } = level.run;
  const stop = createStop(runStop);
  const shards = tasksOf({ ...task, level: { ...level, run: { ...level.run, stop } } });
  const startedAt = port.now();
  showShards(state, task, shards);
  let done = 0;
  const progress = (): void =>
    update(state, path, { state: 'running', reason: `${done} of ${shards.length} shards are done`, startedAt });
  progress();
  const failures: FailureView[] = [];
  const outcomes = await Promise.all(
    shards.map(async (shard) => {
      try {
        const outcome = await runOne(shard);
        if (outcome.status === 'done') done += 1;
        else update(state, shard.path, leftView(outcome, stop.reason));
        progress();
        return outcome;
      } catch (error) {
        failures.push(...failed(shard, error));
        if (node.failFast) stop.request(`stopped because \`${shard.path}\` failed`);
        return null;
      }
    }),
  );
  stop.detach();
  if (failures.length > 0) throw failureOfAll(failures, false);
  if (outcomes.some((outcome) => outcome?.status === 'cancelled')) return { status: 'cancelled' };
  if (outcomes.some((outcome) => outcome?.status === 'left')) return { status: 'left' };
  const made = outcomes.map((outcome) => (outcome?.status === 'done' ? outcome.value.outputs : {}));
  return { status: 'done', made, startedAt };
}

/** The shards as steps: of another kind, with the settings of the step, on the queue that all trainers share. */
function tasksOf({ level, path, node, inputs }: Task): Task[] {
  const { count, kind: uses } = node.shards ?? { count: 0, kind: '' };
  const kind = level.run.plan.kinds[uses];
  if (kind === undefined) throw failure('worker_outdated', `the plan does not say what \`${uses}\` is`);
  const { shards: _, ...own } = node;
  return Array.from({ length: count }, (__, i) => {
    const which = { shard: i + 1, shards: count };
    const summary = `${uses} ${which.shard} of ${count}`;
    return {
      level: { ...level, lease: { queue: null, shared: null } },
      path: shardName(path, which),
      node: { ...own, uses, summary },
      kind,
      inputs: shardInputs(kind, inputs, which),
    };
  });
}

const leftView = (
  { status }: Outcome,
  reason: string | null,
): { state: 'cancelled' | 'pending'; reason: string | null } =>
  status === 'cancelled' ? { state: 'cancelled', reason } : { state: 'pending', reason: null };

function failed({ level, path }: Task, error: unknown): FailureView[] {
  const { state, port } = level.run;
  const { failures } = readFailures(error, path);
  const [first = null] = failures;
  const reason = first?.message ?? null;
  update(state, path, { state: 'failed', reason, failure: first, attempts: attemptsOf(error), endedAt: port.now() });
  return failures;
}
