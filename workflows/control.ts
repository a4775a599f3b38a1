// What a workflow answers from outside: pause, unpause, approve, reject, status. Handlers change the state at once and
// wait for nothing, so that continue-as-new never has one under way.
import { queries, signals, updates } from './control-names.js';
import type { Decision, PauseRequest } from './control-names.js';
import type { Port } from './port.js';
import { awaitedGate, decide, statusOf } from './state.js';
import type { RunState } from './state.js';
import { failure } from './failure.js';

/** Serves the updates, signals and queries of one execution. */
export function serveControl(port: Port, state: RunState): void {
  const pause = (argument: unknown): void => beginPause(port, state, argument as PauseRequest);
  const unpause = (): void => endPause(port, state);
  const decision = (approved: boolean) => (argument: unknown) => decideAndShow(state, argument as Decision, approved);
  port.serve({
    updates: {
      [updates.pause]: {
        description: 'Start no new step; now = also checkpoint and stop what runs.',
        validate: (argument) => checkPause(state, argument),
        handle: pause,
      },
      [updates.unpause]: { description: 'Go on.', validate: () => checkPaused(state), handle: unpause },
      [updates.approve]: {
        description: 'Let the waiting gate pass.',
        validate: (argument) => checkDecision(state, argument),
        handle: decision(true),
      },
      [updates.reject]: {
        description: 'Fail the waiting gate.',
        validate: (argument) => checkDecision(state, argument),
        handle: decision(false),
      },
    },
    signals: { [signals.pause]: pause, [signals.unpause]: unpause },
    queries: {
      [queries.status]: {
        description: 'Steps, loops, pause, approvals and failures as JSON.',
        answer: () => statusOf(state),
      },
    },
  });
}

function beginPause(port: Port, state: RunState, request: PauseRequest): void {
  state.paused = { since: state.paused?.since ?? port.now(), by: request.by ?? null, now: request.now };
  if (request.now) for (const stop of state.running.values()) stop.request('paused');
  toChildren(port, state, signals.pause, request);
  state.redraw();
}

function endPause(port: Port, state: RunState): void {
  state.paused = null;
  toChildren(port, state, signals.unpause, null);
  state.redraw();
}

/** A loop that ends at this moment cannot be told, and need not be. */
function toChildren(port: Port, state: RunState, name: string, argument: unknown): void {
  for (const [path, child] of state.children) {
    child.signal(name, argument).catch(() => port.log('info', `loop ${path} had ended when ${name} reached it`));
  }
}

function decideAndShow(state: RunState, decision: Decision, approved: boolean): { path: string } {
  const path = decide(state, decision, approved);
  state.redraw();
  return { path };
}

function checkPause(state: RunState, argument: unknown): void {
  if (!isRecord(argument) || typeof argument['now'] !== 'boolean') refuse('pause takes {now: true | false}');
  if (state.state !== 'running') refuse('the run has ended');
  if (state.paused !== null && (state.paused.now || !argument['now'])) refuse('the run is paused already');
}

function checkPaused(state: RunState): void {
  if (state.paused === null) refuse('the run is not paused');
}

function checkDecision(state: RunState, argument: unknown): void {
  if (
    !isRecord(argument) ||
    typeof argument['by'] !== 'string' ||
    argument['by'] === '' ||
    typeof argument['note'] !== 'string'
  ) {
    refuse('a decision takes {by, note}: who decides, and why');
  }
  const gate = awaitedGate(state, typeof argument['path'] === 'string' ? argument['path'] : undefined);
  if (typeof gate === 'string') refuse(gate);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function refuse(message: string): never {
  throw failure('config', message);
}
