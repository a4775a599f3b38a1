// The ranks that rl.reward turns into rewards: in the index as it is served, or as index.refresh has estimated them for these rollouts.
// What is counted for them is counted here, or by shards of the step before (index.ranks).
import { duplicatesOf } from '../../retrieval/corpus.js';
import { positiveRanks, rewardRanks, type CountSearch, type Ranked, type RankInput } from '../../retrieval/ranks.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { validSamples, type Rollouts } from '../../retrieval/rollouts.js';
import { estimatedRanks, servedIndex } from '../../retrieval/served.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput, stringInput } from './inputs.js';
import { countedBy } from './rank-counts.js';

export interface SampleRanks {
  /** Per sample the ranks of its positives, in their order; null is a malformed sample. */
  ranks: (number[] | null)[];
  /** The same of each query without reasoning: always those in the index. */
  plain: number[][];
  isEstimated: boolean;
}

/** Whose ranks the reward needs that these inputs ask for. Pure. */
export const rankedBy = (inputs: KindContext['inputs']): Ranked =>
  stringInput(inputs, 'reward') === 'ndcg' || stringInput(inputs, 'gain') !== 'binary' ? 'all' : 'best';

/** The ranks of all samples. */
export async function rankSamples(
  context: KindContext,
  rollouts: Rollouts,
  loaded: LoadedIndex,
  ranked: Ranked,
): Promise<SampleRanks> {
  const { input, places } = await rankInput(context, rollouts, loaded, ranked);
  const estimates = await estimatesOf(context, loaded, places.length);
  const count: CountSearch =
    context.shards === null ? (task) => retrievalThreads().run('countNotBelow', task) : countedBy(context.shards);
  const found =
    ranked === 'all'
      ? await positiveRanks(input, count)
      : Array.from(await rewardRanks(input, count), (rank) => [rank]);
  const ranks = Array.from<number[] | null>({ length: rollouts.valid.length }).fill(null);
  places.forEach((place, i) => {
    ranks[place] = estimates === null ? (found[i] as number[]) : [estimates[i] as number];
  });
  return { ranks, plain: found.slice(places.length), isEstimated: estimates !== null };
}

/**
 * What is ranked, and in what: the valid samples, at `places` among all, and behind them the queries without reasoning. Fails where
 * rollouts and index do not go together.
 */
export async function rankInput(
  context: KindContext,
  rollouts: Rollouts,
  loaded: LoadedIndex,
  ranked: Ranked,
): Promise<{ input: RankInput; places: number[] }> {
  checkFit(context, rollouts, loaded, ranked);
  const valid = validSamples(rollouts);
  const queries = new Float32Array(valid.embeddings.length + rollouts.plain.length);
  queries.set(valid.embeddings);
  queries.set(rollouts.plain, valid.embeddings.length);
  const input = {
    index: await servedIndex(artifactInput(context.inputs, 'index').path, loaded),
    queries,
    positives: [...valid.positives, ...rollouts.queries.map(({ positives }) => positives)],
    duplicatesOf: (row: number) => duplicatesOf(loaded.corpus, row),
  };
  return { input, places: valid.places };
}

function checkFit(context: KindContext, rollouts: Rollouts, loaded: LoadedIndex, ranked: Ranked): void {
  const { index } = loaded;
  if (rollouts.dimension !== index.dimension) {
    throw new StepFailure(
      'data',
      `The rollouts have ${rollouts.dimension} dimensions, the index ${index.dimension}; both must come from models of one shape.`,
    );
  }
  if (ranked === 'all' && isEstimated(context, loaded)) {
    throw new StepFailure(
      'config',
      '`reward: ndcg` and a `gain` by grade need the ranks of all positives, and the index estimates that of the best one. Use `reward: dcg` with the same `k` and `gain: binary`, or `ranks: served` of index.refresh.',
    );
  }
}

/** Whether the index has estimates for these rollouts. */
const isEstimated = (context: KindContext, { manifest }: LoadedIndex): boolean =>
  manifest.estimate?.rollouts === artifactInput(context.inputs, 'rollouts').identity;

/** The estimates of the index for these rollouts, if it has any. */
async function estimatesOf(context: KindContext, loaded: LoadedIndex, valid: number): Promise<Float32Array | null> {
  const { estimate } = loaded.manifest;
  if (estimate === undefined) return null;
  if (!isEstimated(context, loaded)) {
    context.warn('Rewards: the index has estimated ranks of other rollouts; the ranks in the index are used.');
    return null;
  }
  return estimatedRanks(artifactInput(context.inputs, 'index').path, estimate.ranks, valid);
}
