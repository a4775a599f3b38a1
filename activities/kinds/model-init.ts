// model.init: the operation `model_init` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('model_init');
