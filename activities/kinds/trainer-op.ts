// Kinds that are one operation of the trainer: the inputs go in as they are, what it leaves in outputs/ is the result.
import type { KindImplementation } from '../kind.js';

/** The implementation that runs `op` and returns its metrics. It resumes and checkpoints as the operation does. */
export const trainerOp =
  (op: string): KindImplementation =>
  async (context) => {
    const done = await context.engine({ op, inputs: context.inputs, seed: context.seed });
    return done.metrics;
  };
