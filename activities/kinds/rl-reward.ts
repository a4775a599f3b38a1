// rl.reward: ranks every sample of the iteration in one version of the index and turns ranks into rewards. Of rollouts that
// were oversampled, the groups whose rewards differ stay, up to the number that is to be trained.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGrades } from '../../retrieval/dataset.js';
import { freshnessOf, lagOf } from '../../retrieval/freshness.js';
import { indexCache } from '../../retrieval/index-cache.js';
import { chooseGroups, differing, type Choice } from '../../retrieval/informative-groups.js';
import { keepGroups } from '../../retrieval/keep-groups.js';
import { linkFile } from '../../retrieval/link-file.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import type { Gain } from '../../retrieval/metrics.js';
import { rewardFigures, type Rewarded } from '../../retrieval/reward-figures.js';
import { rewardOf, type RewardRule, type Scene } from '../../retrieval/reward.js';
import { readRollouts, type Rollouts } from '../../retrieval/rollouts.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput, numberInput } from './inputs.js';
import { rewardRule } from './reward-inputs.js';
import { rankedBy, rankSamples, type SampleRanks } from './sample-ranks.js';

/** Grades are small numbers; what is larger is a count or a score, of which 2^grade is no sensible gain. */
const largestExponent = 30;

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const artifact = artifactInput(context.inputs, 'rollouts');
  return indexCache().withIndex(artifactInput(context.inputs, 'index'), async (loaded) => {
    const rollouts = await readRollouts(artifact.path, loaded.corpus);
    const { manifest } = rollouts;
    const rule = rewardRule(context.inputs, manifest.maxNewTokens);
    const grades = rule.gain === 'binary' ? null : await gradesOf(context, rule.gain, rollouts, loaded);
    const ranks = await rankSamples(context, rollouts, loaded, rankedBy(context.inputs));
    const scene = { documents: loaded.index.rows, longest: manifest.maxNewTokens };
    const samples = rewardSamples(rollouts, { rule, scene, grades }, ranks);
    const plainRanks = ranks.plain.map((own) => Math.min(...own));
    const differs = differing(
      samples.map((sample) => learnedFrom(sample, rule)),
      manifest.group,
    );
    const choice = chooseGroups(differs, manifest.keep ?? null);
    await write(context, artifact.path, { rollouts, samples, choice, version: loaded.manifest.version });
    const figures = { ...rewardFigures(samples, manifest.group, plainRanks), groups: manifest.queries };
    warn(context, figures, choice, manifest.keep ?? null);
    return {
      ...figures,
      groups_kept: choice.kept.length,
      groups_equal: choice.equal,
      groups_surplus: choice.surplus,
      ...staleness(loaded, manifest.policy),
      estimated_fraction: Number(ranks.isEstimated),
    };
  });
}

/** Per query the grades of its positives, out of the input `data`. */
async function gradesOf(
  context: KindContext,
  gain: Gain,
  rollouts: Rollouts,
  loaded: LoadedIndex,
): Promise<number[][]> {
  const grades = await readGrades(artifactInput(context.inputs, 'data').path, rollouts.queries, loaded.corpus);
  const largest = Math.max(...grades.flat());
  if (gain === 'linear' || largest <= largestExponent) return grades;
  throw new StepFailure(
    'config',
    `The dataset has the grade ${largest}, and \`gain: exponential\` would count it 2^${largest} - 1 times; grades up to ${largestExponent} can be. Use \`gain: linear\`.`,
  );
}

/** What the samples of a group are compared by: what the rank earned, not what form and length add. A malformed one is below all. */
const learnedFrom = ({ score, reward }: Rewarded, rule: RewardRule): number =>
  rule.weights.rank === 0 ? reward : (score ?? -2);

/** The reward of every sample. */
function rewardSamples(
  rollouts: Rollouts,
  { rule, scene, grades }: { rule: RewardRule; scene: Scene; grades: number[][] | null },
  { ranks, plain }: SampleRanks,
): Rewarded[] {
  return ranks.map((own, i) => {
    const query = Math.floor(i / rollouts.manifest.group);
    const plainRanks = plain[query] as number[];
    const reasoning = rollouts.reasonings[i] as Int32Array;
    const given = { plainRanks, grades: grades?.[query] ?? null };
    const sample = { ranks: own, ...given, tokens: rollouts.tokens[i] as number, reasoning };
    return { rank: own === null ? null : Math.min(...own), ...rewardOf(rule, sample, scene) };
  });
}

/** Writes the output: the groups that stay, as they were, with their rewards and the version of the index. */
async function write(
  context: KindContext,
  from: string,
  given: { rollouts: Rollouts; samples: Rewarded[]; choice: Choice; version: number },
): Promise<void> {
  const { manifest } = given.rollouts;
  const { kept } = given.choice;
  const dir = await context.outputDir('rollouts');
  const isWhole = kept.length === manifest.queries;
  const written = isWhole ? manifest : await keepGroups(from, dir, manifest, kept);
  await linkRest(from, dir);
  const text = canonicalJson({ ...written, keep: null, indexVersion: given.version });
  await writeFile(join(dir, 'manifest.json'), `${text}\n`);
  const rewards = kept.flatMap((group) => given.samples.slice(group * manifest.group, (group + 1) * manifest.group));
  await writeFile(join(dir, 'rewards.jsonl'), rewards.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
}

/** Says what the figures mean where a limit is passed. */
function warn(context: KindContext, figures: Record<string, number | null>, choice: Choice, keep: number | null): void {
  const limit = numberInput(context.inputs, 'warn_zero_std');
  const share = figures['zero_std_fraction'] ?? 0;
  if (share > limit) {
    context.warn(
      `Rewards: in ${Math.round(100 * share)} % of the groups all samples get the same reward, so nothing can be learned from them (\`warn_zero_std\` is ${limit}).`,
    );
  }
  const informative = (figures['groups'] ?? 0) - choice.equal;
  if (keep !== null && informative < keep) {
    context.warn(
      `Rewards: ${informative} groups differ in their rewards, and ${keep} are to be trained. A larger \`oversample\` of rl.rollout finds more.`,
    );
  }
}

/** How far the index is behind the policy that sampled. */
function staleness({ index, manifest }: LoadedIndex, policy: string): Record<string, number> {
  const freshness = freshnessOf(index, manifest, policy);
  let stale = 0;
  for (let row = 0; row < index.rows; row++) if (!freshness.isFresh(row)) stale++;
  const { mean } = lagOf({ index, freshness, version: manifest.version, refreshed: new Set() });
  return { index_version: manifest.version, stale_fraction: stale / index.rows, lag_mean: mean };
}

async function linkRest(from: string, to: string): Promise<void> {
  const written = new Set([...(await readdir(to)), 'manifest.json', 'rewards.jsonl']);
  for (const name of await readdir(from)) {
    if (!written.has(name)) await linkFile(join(from, name), join(to, name));
  }
}
