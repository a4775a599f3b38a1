// A loop as the level around it sees it: a child workflow with a history, a page and clicks of its own.
import type { LoopNode } from '../schemas/generated/plan.js';
import type { Level, Outcome, Run } from './level.js';
import type { LoopInput, LoopOutput } from './loop-input.js';
import type { ChildHandle } from './port.js';
import { signals } from './control-names.js';
import { failure, isCancelled, ledgerOf } from './failure.js';
import { namesAlong } from './loop-at.js';
import { loopReads } from './references.js';
import { valueOf, valuesAt } from './scope.js';
import type { Carries, Scope } from './scope.js';
import { addWarnings, note, update } from './state.js';

/** Runs a loop whose dependencies have ended. Throws what its workflow fails with. */
export async function runLoop(level: Level, path: string, name: string, node: LoopNode): Promise<Outcome> {
  const { run } = level;
  const { state, port } = run;
  const max = maxOf(node, level.scope);
  if (state.paused !== null) {
    update(state, path, { state: 'waiting', reason: 'the run is paused' });
    await port.condition(() => state.paused === null || run.stop.isRequested());
  }
  if (run.stop.isRequested()) return { status: 'cancelled' };
  if (run.draining()) return { status: 'left' };
  const workflowId = `${run.info.workflowId}/${path}`;
  update(state, path, { state: 'running', reason: null, startedAt: port.now() });
  state.loops[path] = { path, workflowId, max, state: 'running' };
  if (run.searchAttributes && level.prefix === '') port.setAttributes({ step: path });
  try {
    const child = await port.startChild<LoopInput, LoopOutput>({
      workflowType: [run.info.pipeline, ...namesAlong(path)].join('.'),
      workflowId,
      input: inputOf(level, path, node, max),
      summary: node.summary === '' ? name : node.summary,
      stop: run.stop,
    });
    const result = await follow(level, path, child);
    const { loopKey: key, outputs, metrics, iterations } = result;
    noteLoop(run, path, result);
    const seconds = run.carried.done[path]?.seconds ?? result.seconds;
    update(state, path, {
      state: 'done',
      key,
      reason: `${endReason(result, max)}${forkText(node)}`,
      metrics,
      seconds,
      clicks: iterations,
      endedAt: port.now(),
    });
    return { status: 'done', value: { outputs, metrics }, key: null };
  } catch (error) {
    note(state, ledgerOf(error));
    if (!isCancelled(error)) throw error;
    if (run.stop.isRequested()) return { status: 'cancelled' };
    throw failure('cancelled', `the workflow of the loop was cancelled from outside the run`);
  } finally {
    state.loops[path] = { path, workflowId, max, state: 'ended' };
  }
}

/** What an earlier execution of the chain took from the cache, and was told, is in what it left. */
function noteLoop({ state, carried }: Run, path: string, { lost = {}, saved = 0, warnings = [] }: LoopOutput): void {
  const isNew = carried.done[path] === undefined;
  note(state, { lost, saved: isNew ? saved : 0 });
  if (isNew) addWarnings(state, warnings);
}

function endReason({ iterations, chosen }: LoopOutput, max: number): string {
  const end =
    iterations < max ? `\`until\` held after ${iterations} of at most ${max} iterations` : `${iterations} iterations`;
  return chosen >= 0 && chosen !== iterations - 1 ? `${end}; the best is iteration ${chosen}` : end;
}

const forkText = ({ fork }: LoopNode): string =>
  fork === undefined ? '' : `; forked from ${fork.run} after iteration ${fork.iteration}`;

/** Waits for the child; a pause that came while it started reaches it too. */
async function follow(level: Level, path: string, child: ChildHandle<LoopOutput>): Promise<LoopOutput> {
  const { state, port } = level.run;
  state.children.set(path, child);
  if (state.paused !== null) {
    const { now, by } = state.paused;
    child
      .signal(signals.pause, { now, ...(by === null ? {} : { by }) })
      .catch(() => port.log('info', `loop ${path} had ended when the pause reached it`));
  }
  try {
    return await child.result;
  } finally {
    state.children.delete(path);
  }
}

const inputOf = (level: Level, path: string, node: LoopNode, max: number): LoopInput => ({
  kind: 'loop',
  run: level.run.info,
  placement: level.run.placement,
  searchAttributes: level.run.searchAttributes,
  freshSteps: level.run.fresh !== null,
  ...(level.run.volatile ? { volatile: true } : {}),
  ...(level.run.shards ? { shards: true } : {}),
  path,
  indices: level.indices,
  outer: valuesAt(loopReads(node), level.scope),
  init: initsOf(node, level.scope),
  max,
  paused: level.run.state.paused,
  position: null,
});

function maxOf(node: LoopNode, scope: Scope): number {
  const max = valueOf(node.max, scope);
  if (typeof max === 'number' && Number.isInteger(max) && max >= 0) return max;
  throw failure('config', `\`max\` must be a whole number, 0 or more, and is ${JSON.stringify(max)}`);
}

/** What the first iteration begins with: evaluated inits, or what the iteration carried after which the loop was forked. */
const initsOf = ({ carry, fork }: LoopNode, scope: Scope): Carries =>
  Object.fromEntries(
    Object.entries(carry).map(([name, { init }]) => {
      if (fork !== undefined) return [name, (fork.carry[name] ?? null) as Carries[string]];
      return [name, init === null ? null : valueOf(init, scope)];
    }),
  );
