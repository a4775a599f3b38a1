// rl.update: the operation `update` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('update');
