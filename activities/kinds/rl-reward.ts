// rl.reward: ranks every sample of the iteration in one version of the index and turns ranks into rewards.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { duplicatesOf } from '../../retrieval/corpus.js';
import { indexCache } from '../../retrieval/index-cache.js';
import { linkFile } from '../../retrieval/link-file.js';
import { rewardRanks } from '../../retrieval/ranks.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { rewardFigures, rewardOf, type RewardRule } from '../../retrieval/reward.js';
import { readRollouts, validSamples, type Rollouts } from '../../retrieval/rollouts.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { canonicalJson } from '../../schemas/identity.js';
import type { KindContext, KindInput } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput, integerInput, numberInput, stringInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const artifact = artifactInput(context.inputs, 'rollouts');
  const rule = ruleOf(context.inputs);
  return indexCache().withIndex(artifactInput(context.inputs, 'index'), async (loaded) => {
    const rollouts = await readRollouts(artifact.path, loaded.corpus);
    const ranks = await rankSamples(rollouts, loaded);
    const rewards = ranks.map((rank) => rewardOf(rank, rule));
    const dir = await context.outputDir('rollouts');
    await linkRest(artifact.path, dir);
    await writeFile(
      join(dir, 'manifest.json'),
      `${canonicalJson({ ...rollouts.manifest, indexVersion: loaded.manifest.version })}\n`,
    );
    await writeFile(
      join(dir, 'rewards.jsonl'),
      rewards.map((reward, i) => `${JSON.stringify({ rank: ranks[i], reward })}\n`).join(''),
    );
    const figures = rewardFigures(ranks, rewards, rollouts.manifest.group);
    return {
      reward_mean: figures.mean,
      reward_std: figures.std,
      rank_median: figures.rankMedian,
      zero_std_fraction: figures.zeroStdFraction,
      all_best_fraction: figures.allBestFraction,
    };
  });
}

/** One rank a sample, null for one without an embedding. */
async function rankSamples(rollouts: Rollouts, { index, corpus }: LoadedIndex): Promise<(number | null)[]> {
  if (rollouts.dimension !== index.dimension) {
    throw new StepFailure(
      'data',
      `The rollouts have ${rollouts.dimension} dimensions, the index ${index.dimension}; both must come from models of one shape.`,
    );
  }
  const samples = validSamples(rollouts);
  const input = {
    index,
    queries: samples.embeddings,
    positives: samples.positives,
    duplicatesOf: (row: number) => duplicatesOf(corpus, row),
  };
  const found = await rewardRanks(input, (task) => retrievalThreads().run('countNotBelow', task));
  const ranks = Array.from<number | null>({ length: rollouts.valid.length }).fill(null);
  samples.places.forEach((place, i) => {
    ranks[place] = found[i] as number;
  });
  return ranks;
}

function ruleOf(inputs: Record<string, KindInput>): RewardRule {
  return {
    reward: stringInput(inputs, 'reward') as RewardRule['reward'],
    k: integerInput(inputs, 'k'),
    malformed: numberInput(inputs, 'malformed'),
  };
}

async function linkRest(from: string, to: string): Promise<void> {
  const written = new Set(['manifest.json', 'rewards.jsonl']);
  for (const name of await readdir(from)) {
    if (!written.has(name)) await linkFile(join(from, name), join(to, name));
  }
}
