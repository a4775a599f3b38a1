// rl.rollout: the operation `rollout` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('rollout');
