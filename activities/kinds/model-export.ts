// model.export: the operation `model_export` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('model_export');
