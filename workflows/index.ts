// The workflow bundle. Its default export runs every workflow type, so that the type in the Temporal UI is the pipeline's
// name, and `<pipeline>.<loop>` for a loop.
import { CancellationScope } from '@temporalio/workflow';
import { runWorkflow } from './interpreter.js';
import type { RootInput } from './interpreter.js';
import type { LoopInput, LoopOutput } from './loop-input.js';
import { temporalPort } from './port-temporal.js';
import type { RunResult } from './record.js';

/** Runs a pipeline, or a loop of one when the input is {kind: 'loop', …}. */
export default async function run(input: RootInput | LoopInput): Promise<RunResult | LoopOutput> {
  const port = temporalPort();
  // Nothing is cancelled by the SDK on its own (P1 in port.ts): the interpreter stops what runs, and waits for it.
  return CancellationScope.nonCancellable(() => runWorkflow(port, input));
}
