// A click of a loop: what the iteration carries goes into the store, then the click that names it. Waited for, or stored while
// the next iteration runs (`commit-behind`).
// I1: the click that the store returns stands, whoever wrote it. I2: of a loop one click is under way at a time, so that each
// is stored when the one before it stands.
import type { IterationView } from '../activities/calls.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import type { LoopPositionState } from './loop-input.js';
import { flatMetrics } from './loop-metrics.js';
import { after, untilHolds, type LoopRun } from './loop-position.js';
import type { Carries } from './scope.js';
import type { MetricTree } from './status.js';
import { committed, type Progress } from './volatile.js';

/** What an iteration has come to. */
export interface Iteration {
  carry: Carries;
  metrics: MetricTree;
  keys: Record<string, string>;
  seconds: number;
  /** Whether `until` holds behind it. */
  ended: boolean;
}

export interface Click {
  /** Just after it. */
  position: LoopPositionState;
  /** Whether another run's click or results stand in its place: what went on from this run's own does not count. */
  isOther: boolean;
}

/**
 * Stores the click of an iteration, `isBehind` while the next one runs and reads what is held. `lost` = the host that held
 * what it carries is gone.
 */
export async function storeClick(
  loop: LoopRun,
  position: LoopPositionState,
  { progress, iteration, isBehind }: { progress: Progress; iteration: Iteration; isBehind: boolean },
): Promise<Click | 'lost'> {
  const { run, node, input } = loop;
  const { next: index, earlier } = progress;
  const kept = await committed(loop, { index, carry: iteration.carry, isRead: isBehind });
  if (kept === 'lost') return 'lost';
  const { carry, isOther } = kept;
  const { keys, seconds } = iteration;
  const metrics = recordedMetrics(iteration.metrics);
  const isHeld = run.volatile && (node.commit > 1 || node.behind === true);
  const stands = await run.port.runLocal('commitClick', {
    run: run.info,
    path: input.path,
    loopKey: position.loopKey,
    // Between clicks nothing was told to anybody: with the click it is.
    click: { index, carry, metrics, keys, seconds, ...(isHeld ? { earlier } : {}) },
    keep: node.keep,
  });
  const reached = after(position, stands, false);
  const ended = untilHolds(loop, index, reached.metrics, reached.carry);
  const differs = isOther || ended !== iteration.ended || canonicalJson(stands.carry) !== canonicalJson(carry);
  return { position: { ...reached, ended }, isOther: differs };
}

/** The metrics of an iteration as clicks hold them. Pure. */
export const recordedMetrics = (metrics: MetricTree): IterationView['metrics'] =>
  Object.fromEntries(Object.entries(metrics).map(([step, tree]) => [step, flatMetrics(tree as MetricTree)]));
