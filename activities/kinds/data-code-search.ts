// data.code-search: the operation `code_search_data` of the trainer.
import { trainerOp } from './trainer-op.js';

export const run = trainerOp('code_search_data');
