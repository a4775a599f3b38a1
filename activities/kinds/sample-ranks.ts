// The ranks that rl.reward turns into rewards: in the index as it is served, or as index.refresh has estimated them for these rollouts.
import { duplicatesOf } from '../../retrieval/corpus.js';
import { positiveRanks, rewardRanks, type RankInput } from '../../retrieval/ranks.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { validSamples, type Rollouts } from '../../retrieval/rollouts.js';
import { estimatedRanks, servedIndex } from '../../retrieval/served.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput } from './inputs.js';

export interface SampleRanks {
  /** Per sample the ranks of its positives, in their order; null is a malformed sample. */
  ranks: (number[] | null)[];
  /** The same of each query without reasoning: always those in the index. */
  plain: number[][];
  isEstimated: boolean;
}

/** The ranks of all samples: of all positives, in their order, or of the best-ranked alone. */
export async function rankSamples(
  context: KindContext,
  rollouts: Rollouts,
  loaded: LoadedIndex,
  all: boolean,
): Promise<SampleRanks> {
  checkFit(rollouts, loaded);
  const valid = validSamples(rollouts);
  const estimates = await estimatesOf(context, loaded, valid.places.length, all);
  const queries = new Float32Array(valid.embeddings.length + rollouts.plain.length);
  queries.set(valid.embeddings);
  queries.set(rollouts.plain, valid.embeddings.length);
  const input: RankInput = {
    index: await servedIndex(artifactInput(context.inputs, 'index').path, loaded),
    queries,
    positives: [...valid.positives, ...rollouts.queries.map(({ positives }) => positives)],
    duplicatesOf: (row) => duplicatesOf(loaded.corpus, row),
  };
  const count: Parameters<typeof rewardRanks>[1] = (task) => retrievalThreads().run('countNotBelow', task);
  const found = all ? await positiveRanks(input, count) : Array.from(await rewardRanks(input, count), (rank) => [rank]);
  const ranks = Array.from<number[] | null>({ length: rollouts.valid.length }).fill(null);
  valid.places.forEach((place, i) => {
    ranks[place] = estimates === null ? (found[i] as number[]) : [estimates[i] as number];
  });
  return { ranks, plain: found.slice(valid.places.length), isEstimated: estimates !== null };
}

function checkFit(rollouts: Rollouts, { index }: LoadedIndex): void {
  if (rollouts.dimension === index.dimension) return;
  throw new StepFailure(
    'data',
    `The rollouts have ${rollouts.dimension} dimensions, the index ${index.dimension}; both must come from models of one shape.`,
  );
}

/** The estimates of the index for these rollouts, if it has any. */
async function estimatesOf(
  context: KindContext,
  loaded: LoadedIndex,
  valid: number,
  all: boolean,
): Promise<Float32Array | null> {
  const { identity } = artifactInput(context.inputs, 'rollouts');
  const { estimate } = loaded.manifest;
  if (estimate === undefined) return null;
  if (estimate.rollouts !== identity) {
    context.warn('Rewards: the index has estimated ranks of other rollouts; the ranks in the index are used.');
    return null;
  }
  if (all) {
    throw new StepFailure(
      'config',
      '`reward: ndcg` and a `gain` by grade need the ranks of all positives, and the index estimates that of the best one. Use `reward: dcg` with the same `k` and `gain: binary`, or `ranks: served` of index.refresh.',
    );
  }
  return estimatedRanks(artifactInput(context.inputs, 'index').path, estimate.ranks, valid);
}
