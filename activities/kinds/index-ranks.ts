// index.ranks: what one of several activities does for rl.reward: searches its share of the blocks of the index, with all queries, and counts.
import { indexCache } from '../../retrieval/index-cache.js';
import { readRollouts } from '../../retrieval/rollouts.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { countTask } from '../../retrieval/ranks.js';
import type { KindContext } from '../kind.js';
import { artifactInput, shareInput } from './inputs.js';
import { writeCounts } from './rank-counts.js';
import { rankedBy, rankInput } from './sample-ranks.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const share = shareInput(context.inputs);
  const ranked = rankedBy(context.inputs);
  return indexCache().withIndex(artifactInput(context.inputs, 'index'), async (loaded) => {
    const rollouts = await readRollouts(artifactInput(context.inputs, 'rollouts').path, loaded.corpus);
    const { input } = await rankInput(context, rollouts, loaded, ranked);
    const task = countTask(input, ranked);
    const counts = await retrievalThreads().run('countNotBelow', { ...task, share });
    await writeCounts(await context.outputDir('counts'), task, share, counts);
    return { queries: counts.length };
  });
}
