// train.sft: the operation `sft` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('sft');
