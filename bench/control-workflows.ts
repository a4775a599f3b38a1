// The controls, in the sandbox: as many activities in a row as the pipeline has steps, and nothing else.
import { proxyActivities } from '@temporalio/workflow';
import type { controlActivities } from './control-activities.js';

const { nothing, write } = proxyActivities<ReturnType<typeof controlActivities>>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
});

/** Activities that do nothing: what Temporal itself takes. */
export async function bare(steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await nothing();
}

/** Activities that each write and flush the files of one step. */
export async function writing(steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await write(step);
}
