// From one look at a run to the next: the lines that a person should read. Pure but for what it remembers.
import type { StepView } from '../workflows/status.js';
import type { PendingStep, RunLook } from './look.js';
import { duration, mainMetrics } from './numbers.js';
import { pulseText } from './pulse-text.js';

export interface ProgressLine {
  path: string;
  event: 'started' | 'ended' | 'checkpoint' | 'progress' | 'retry' | 'iteration' | 'paused' | 'unpaused' | 'approval';
  text: string;
}

/** At least so long between two lines about the progress of one step or loop. */
const throttleMs = 5_000;

interface Memory {
  states: Map<string, string>;
  checkpoints: Map<string, number>;
  attempts: Map<string, number>;
  /** When something was last said of a step's progress, and what. */
  said: Map<string, { at: number; position: number }>;
  isPaused: boolean;
  approvals: Set<string>;
}

/** A function that is given each look in turn and returns what is new in it. */
export function createProgress(): (look: RunLook, nowMs: number) => ProgressLine[] {
  const memory: Memory = {
    states: new Map(),
    checkpoints: new Map(),
    attempts: new Map(),
    said: new Map(),
    isPaused: false,
    approvals: new Set(),
  };
  return (look, nowMs) => [
    ...look.loops.flatMap((loop) => loop.pending.flatMap((step) => pendingLines(memory, step, nowMs))),
    ...look.root.pending.flatMap((step) => pendingLines(memory, step, nowMs)),
    ...look.loops.flatMap((loop) => loopLines(memory, loop, nowMs)),
    ...byTime(look.root.status?.steps ?? []).flatMap((step) => stepLines(memory, step)),
    ...controlLines(memory, look, nowMs),
  ];
}

/** What ended before what then began. */
const byTime = (steps: readonly StepView[]): StepView[] =>
  [...steps].sort((a, b) => (a.endedAt ?? a.startedAt ?? Infinity) - (b.endedAt ?? b.startedAt ?? Infinity));

function stepLines(memory: Memory, step: StepView): ProgressLine[] {
  const { path } = step;
  if (memory.states.get(path) === step.state) return [];
  const before = memory.states.get(path);
  memory.states.set(path, step.state);
  const reason = step.reason === null ? '' : `: ${step.reason}`;
  const metrics = mainMetrics(step.metrics);
  const tail = metrics === '' ? '' : `  ${metrics}`;
  switch (step.state) {
    case 'pending':
      return [];
    case 'waiting':
      // Of a gate, the line about its approval says it, and until when.
      if (step.kind === 'gate') return [];
      return [{ path, event: 'progress', text: `waiting${reason}` }];
    case 'running':
      return [
        {
          path,
          event: 'started',
          text: `${step.kind} started${step.resumedFrom === null ? '' : ` from the checkpoint at ${step.resumedFrom}`}`,
        },
      ];
    case 'done':
      return [{ path, event: 'ended', text: doneText(step, before !== undefined, reason, tail) }];
    case 'cached':
      return [{ path, event: 'ended', text: `cached${tail}` }];
    case 'skipped':
      return [{ path, event: 'ended', text: `skipped${reason}` }];
    case 'cancelled':
      return [{ path, event: 'ended', text: 'cancelled' }];
    case 'failed': {
      const { failure } = step;
      return [
        {
          path,
          event: 'ended',
          text: failure === null ? `failed${reason}` : `failed [${failure.class}]: ${failure.message}`,
        },
      ];
    }
  }
}

/** Of a gate, who or what let it pass, of a matrix, which cell is the best: that says more than how long it took. */
function doneText(step: StepView, isFollowed: boolean, reason: string, metrics: string): string {
  if (step.kind === 'gate') return `passed${reason}`;
  if (step.kind === 'matrix') return `done${reason}${metrics}`;
  return `done in ${duration(step.seconds)}${isFollowed ? attemptsOf(step) : ''}${metrics}`;
}

const attemptsOf = (step: StepView): string => (step.attempts > 1 ? ` at attempt ${step.attempts}` : '');

const pendingLines = (memory: Memory, step: PendingStep, nowMs: number): ProgressLine[] => [
  ...retryLines(memory, step),
  ...pulseLines(memory, step, nowMs),
];

function retryLines(memory: Memory, { path, attempt, lastFailure }: PendingStep): ProgressLine[] {
  if (attempt <= (memory.attempts.get(path) ?? 1)) return [];
  memory.attempts.set(path, attempt);
  const cause = lastFailure === null ? '' : `: ${lastFailure.message} [${lastFailure.type}]`;
  return [{ path, event: 'retry', text: `attempt ${attempt}${cause}` }];
}

function pulseLines(memory: Memory, { path, pulse }: PendingStep, nowMs: number): ProgressLine[] {
  if (pulse === null) return [];
  const before = memory.said.get(path);
  if (before !== undefined && nowMs - before.at < throttleMs) return [];
  const position = pulse.step ?? 0;
  const isNewCheckpoint = pulse.checkpointStep !== null && pulse.checkpointStep > (memory.checkpoints.get(path) ?? -1);
  if (!isNewCheckpoint && before?.position === position) return [];
  if (pulse.checkpointStep !== null) memory.checkpoints.set(path, pulse.checkpointStep);
  memory.said.set(path, { at: nowMs, position });
  const text = pulseText(pulse, { withCheckpoint: isNewCheckpoint });
  return text === '' ? [] : [{ path, event: isNewCheckpoint ? 'checkpoint' : 'progress', text }];
}

function loopLines(memory: Memory, loop: RunLook['loops'][number], nowMs: number): ProgressLine[] {
  const position = loop.status?.loop;
  if (position == null) return [];
  const failed = (loop.status?.steps ?? [])
    .filter(({ state }) => state === 'failed')
    .flatMap((step) => stepLines(memory, step));
  const before = memory.said.get(position.path);
  const isDue = before === undefined || nowMs - before.at >= throttleMs || position.clicks === position.max;
  if (!isDue || position.clicks === 0 || before?.position === position.clicks) return failed;
  memory.said.set(position.path, { at: nowMs, position: position.clicks });
  const metrics = mainMetrics(position.metrics);
  return [
    ...failed,
    {
      path: position.path,
      event: 'iteration',
      text: `${position.clicks} of ${position.max} iterations kept${metrics === '' ? '' : `  ${metrics}`}`,
    },
  ];
}

function controlLines(memory: Memory, { root, loops }: RunLook, nowMs: number): ProgressLine[] {
  const { status } = root;
  if (status === null) return [];
  const lines: ProgressLine[] = [];
  const isPaused = status.paused !== null;
  if (isPaused !== memory.isPaused) {
    const by = status.paused?.by == null ? '' : ` by ${status.paused.by}`;
    lines.push(
      isPaused
        ? { path: '', event: 'paused', text: `paused${by}; \`pawl unpause\` lets it go on` }
        : { path: '', event: 'unpaused', text: 'goes on' },
    );
    memory.isPaused = isPaused;
  }
  for (const { path, timeoutAt } of [status, ...loops.flatMap((loop) => loop.status ?? [])].flatMap(
    ({ approvals }) => approvals,
  )) {
    if (memory.approvals.has(path)) continue;
    memory.approvals.add(path);
    lines.push({
      path,
      event: 'approval',
      text: `waits for approval, for ${duration((timeoutAt - nowMs) / 1000)} at most: \`pawl approve\` or \`pawl reject\``,
    });
  }
  return lines;
}
