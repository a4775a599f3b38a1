// model.merge: the operation `model_merge` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('model_merge');
