// The inputs of eval.retrieval as they are when nothing is said.
export const evaluationDefaults = {
  split: 'test',
  queries: 0,
  modes: ['plain', 'greedy', 'bm25'],
  samples: 4,
  temperature: 0.5,
  min_new: 6,
  bm25_k1: 1.2,
  bm25_b: 0.75,
  bm25_tune: 'none',
  unseen_in: [],
  leave_out_duplicates: true,
  batch: 8,
};
