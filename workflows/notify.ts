// Who is told how a run goes: at its end, and when a gate begins to wait for a person. Nothing of a run without `notify`
// comes here, so that histories recorded before it replay.
import type { Notify } from '../schemas/generated/plan.js';
import type { Run } from './level.js';
import { addWarnings, type RunState } from './state.js';

type Occasion = Notify['on'][number];

export interface Tiding {
  state: Occasion;
  message: string;
  /** The gate that waits; null for the run. */
  path: string | null;
}

/** Whether somebody is to be told. Pure. */
export const isTold = ({ plan }: Pick<Run, 'plan'>, state: Occasion): boolean =>
  plan.notify?.on.includes(state) === true;

/** Tells it. Never rejects: that nobody could be told is a warning of the run. */
export async function tell(run: Run, tiding: Tiding, mlflow: string | null = null): Promise<void> {
  const { notify } = run.plan;
  if (notify === undefined) return;
  try {
    const { warning } = await run.port.runLocal('notify', {
      run: run.info,
      webhook: notify.webhook,
      ...tiding,
      mlflow,
    });
    if (warning !== null) warn(run, tiding, warning);
  } catch (error) {
    warn(run, tiding, error instanceof Error ? error.message : String(error));
  }
}

function warn({ state, port }: Run, tiding: Tiding, warning: string): void {
  addWarnings(state, [`notify (${tiding.state}): ${warning}`]);
  port.log('warning', `notify: ${warning}`, { state: tiding.state });
  state.redraw();
}

/** Of the state in which a run has ended, what is told; null while it runs. Pure. */
export function endOccasion(ended: RunState['state']): Occasion | null {
  const occasions: Partial<Record<RunState['state'], Occasion>> = {
    done: 'succeeded',
    failed: 'failed',
    gate_failed: 'failed',
    cancelled: 'cancelled',
  };
  return occasions[ended] ?? null;
}

/** How the run ended, in a line or a few. Pure. */
export function endMessage({ failures }: RunState, occasion: Occasion, metrics: Record<string, number | null>): string {
  if (occasion === 'failed') {
    const lines = failures.slice(0, 5).map((one) => `${one.path}: ${one.message} [${one.class}]`);
    return [...lines, ...(failures.length > 5 ? [`and ${failures.length - 5} more`] : [])].join('\n');
  }
  if (occasion === 'cancelled') return 'the run was cancelled; what was committed is kept';
  const figures = Object.entries(metrics).map(([name, value]) => `${name} ${value ?? 'not measured'}`);
  return figures.length === 0 ? 'the run has succeeded' : `the run has succeeded: ${figures.join(', ')}`;
}
