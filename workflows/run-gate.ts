// A gate: every assertion holds, and somebody approves where that is asked for.
import type { GateNode } from '../schemas/generated/plan.js';
import type { Level, Outcome } from './level.js';
import { failure } from './failure.js';
import { referencesOf } from './references.js';
import { holds, lookUp } from './scope.js';
import type { Scope } from './scope.js';
import type { Approval } from './state.js';
import { isTold, tell } from './notify.js';
import { update } from './state.js';
import type { StepView } from './status.js';

/** Runs a gate whose dependencies have ended. Throws a failure of type `gate` with the values that speak against it. */
export async function runGate(level: Level, path: string, node: GateNode): Promise<Outcome> {
  const { state, port, carried } = level.run;
  const before = carried.done[path];
  // Nobody is asked twice because the history was long.
  if (before !== undefined) return passed(level, before);
  update(state, path, { state: 'running', startedAt: state.steps[path]?.startedAt ?? port.now() });
  const broken = node.assert.filter(({ expression }) => !holds(expression, level.scope));
  if (broken.length > 0) {
    throw failure('gate', broken.map((one) => brokenAssertion(one, level.scope)).join('; '));
  }
  const verdict = node.approve === null ? 'every assertion holds' : await approval(level, path, node.approve);
  if (typeof verdict !== 'string') return verdict;
  return passed(level, { path, state: 'done', reason: verdict, endedAt: port.now() });
}

function passed(level: Level, view: Partial<StepView> & { path: string }): Outcome {
  update(level.run.state, view.path, view);
  return { status: 'done', value: { outputs: {}, metrics: {} }, key: null };
}

function brokenAssertion({ expression, source }: GateNode['assert'][number], scope: Scope): string {
  const values = referencesOf(expression).map((path) => `${path.join('.')} = ${JSON.stringify(lookUp(path, scope))}`);
  return `\`${source}\` does not hold${values.length === 0 ? '' : ` (${[...new Set(values)].join(', ')})`}`;
}

/** Waits for approve or reject; the words for the record, or how the gate ends without either. */
async function approval(
  level: Level,
  path: string,
  asked: NonNullable<GateNode['approve']>,
): Promise<string | Outcome> {
  const { state, port, stop } = level.run;
  // Nobody is told twice because the history was long.
  const wasWaiting = state.approvals.has(path);
  const since = state.approvals.get(path)?.since ?? port.now();
  const waiting: Approval = { since, timeoutAt: since + asked.timeoutMs, onTimeout: asked.onTimeout, decision: null };
  state.approvals.set(path, waiting);
  update(state, path, { state: 'waiting', reason: 'waits for approval: pawl approve, or pawl reject' });
  const isAsked = isTold(level.run, 'waiting') && !wasWaiting;
  const told = isAsked ? tell(level.run, { state: 'waiting', message: askedFor(path), path }) : null;
  const timer = { timeoutMs: Math.max(1, waiting.timeoutAt - port.now()), summary: `${path}: approval` };
  const inTime = await port.condition(
    () => waiting.decision !== null || stop.isRequested() || level.run.draining(),
    timer,
  );
  if (told !== null) await told;
  const { decision } = waiting;
  if (decision === null && stop.isRequested()) return { status: 'cancelled' };
  if (decision === null && inTime) return { status: 'left' };
  state.approvals.delete(path);
  if (decision === null) return onTimeout(asked);
  const words = `by ${decision.by}${decision.note === '' ? '' : `: ${decision.note}`}`;
  if (!decision.approved) throw failure('gate', `rejected ${words}`);
  return `approved ${words}`;
}

const askedFor = (path: string): string =>
  `\`${path}\` waits for approval: pawl approve --gate ${path}, or pawl reject --gate ${path}`;

function onTimeout(asked: NonNullable<GateNode['approve']>): string {
  const waited = `nobody decided within ${Math.round(asked.timeoutMs / 1000)} s`;
  if (asked.onTimeout === 'reject') throw failure('gate', `${waited}, which counts as rejected`);
  return `${waited}, which counts as approved`;
}
