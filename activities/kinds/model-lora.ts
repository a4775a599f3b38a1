// model.lora: the operation `model_lora` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('model_lora');
