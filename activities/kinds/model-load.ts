// model.load: the operation `model_load` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('model_load');
