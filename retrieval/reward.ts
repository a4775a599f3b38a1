// The reward of a sample: a score of the ranks that its embedding gives the positives, and terms for form and length.
//   R = w_rank S + w_format F + w_length L + w_overlong O + w_repetition P, and `malformed` for a sample without a usable embedding
// S is in [0, 1] (signed or relative: [-1, 1]), F is 1, L, O and P are in [-1, 0]. docs/rewards.md has the formulas.
import { discount, gainOf, ndcgAt, type Gain } from './metrics.js';
import { repetitionTerm } from './repetition.js';

export interface RewardRule {
  /** The score of a ranking: see scoreOf. */
  reward: 'dcg' | 'ndcg' | 'rr' | 'logrank';
  /** Rank up to which a positive counts; 0 = 10 for ndcg, any rank for the others. */
  k: number;
  /** What a positive counts by its grade, in dcg and ndcg. */
  gain: Gain;
  /** How S comes from the score: itself; 2 score - 1; or minus the score of the query without reasoning. */
  scale: 'unit' | 'signed' | 'relative';
  weights: { rank: number; format: number; length: number; overlong: number; repetition: number };
  /** Tokens within which a sample costs nothing; 0 = no bound. */
  length: { low: number; high: number };
  /** Last tokens before the limit in which the overlong penalty grows; 0 = none. */
  overlong: number;
  /** What a malformed sample gets; null = the least that the terms can come to. */
  malformed: number | null;
}

/** What a sample is rewarded for. */
export interface Sample {
  /** Ranks of all positives, or of the best-ranked alone where nothing else counts; null is a malformed sample. */
  ranks: readonly number[] | null;
  /** The same of its query without reasoning. */
  plainRanks: readonly number[];
  /** Grades of the positives, in the order of the ranks; null where all count the same. */
  grades: readonly number[] | null;
  /** New tokens, the one that ended it included. */
  tokens: number;
  /** Those before the one that ended it. */
  reasoning: ArrayLike<number>;
}

/** Where a sample is scored: how many documents can be ranked, and how many tokens it may have. */
export interface Scene {
  documents: number;
  longest: number;
}

/** The terms before their weights; null for a malformed sample, whose reward is the rule's. */
export interface Reward {
  reward: number;
  score: number | null;
  format: number | null;
  length: number | null;
  overlong: number | null;
  /** Absent while it has no weight. */
  repetition?: number | null;
}

/**
 * Score in [0, 1] of the ranks of the positives; without grades each has grade 1.
 * dcg: the largest g/log2(1 + r) of a positive of gain g at rank r, by the largest gain of the query; rr: 1/r of the best rank r;
 * logrank: 1 - ln r / ln M, M the documents, or k + 1 with a cut-off; all 0 beyond the cut-off. ndcg: nDCG at the cut-off, over
 * all positives. Pure.
 */
export function scoreOf(
  rule: Pick<RewardRule, 'reward' | 'k' | 'gain'>,
  ranking: Pick<Sample, 'grades'> & { ranks: readonly number[] },
  documents: number,
): number {
  const best = Math.min(...ranking.ranks);
  const isWithin = rule.k === 0 || best <= rule.k;
  const judged = ranking.ranks.map((rank, i) => ({ rank, grade: ranking.grades?.[i] ?? 1 }));
  switch (rule.reward) {
    case 'dcg':
      return bestDiscounted(rule, judged);
    case 'ndcg':
      return ndcgAt(
        judged.sort((a, b) => a.rank - b.rank),
        rule.k || 10,
        rule.gain,
      );
    case 'rr':
      return isWithin ? 1 / best : 0;
    case 'logrank':
      if (best === 1) return 1;
      return isWithin ? Math.max(0, 1 - Math.log(best) / Math.log(rule.k === 0 ? documents : rule.k + 1)) : 0;
  }
}

function bestDiscounted(
  rule: Pick<RewardRule, 'k' | 'gain'>,
  judged: readonly { grade: number; rank: number }[],
): number {
  const gains = judged.map(({ grade }) => gainOf(rule.gain, grade));
  const within = judged.map(({ rank }) => (rule.k === 0 || rank <= rule.k ? discount(rank) : 0));
  return Math.max(...within.map((value, i) => (gains[i] as number) * value)) / Math.max(...gains);
}

/** The reward of a sample and its terms. Pure. */
export function rewardOf(rule: RewardRule, sample: Sample, scene: Scene): Reward {
  if (sample.ranks === null) {
    const none = { score: null, format: null, length: null, overlong: null };
    return { reward: malformedReward(rule), ...none, ...(rule.weights.repetition > 0 && { repetition: null }) };
  }
  const { weights } = rule;
  const { ranks, grades } = sample;
  const score = scoreOf(rule, { ranks, grades }, scene.documents);
  const scaled = {
    unit: () => score,
    signed: () => 2 * score - 1,
    relative: () => score - scoreOf(rule, { ranks: sample.plainRanks, grades }, scene.documents),
  }[rule.scale]();
  const length = lengthTerm(rule.length, sample.tokens, scene.longest);
  const overlong = overlongTerm(rule.overlong, sample.tokens, scene.longest);
  const reward = weights.rank * scaled + weights.format + weights.length * length + weights.overlong * overlong;
  const terms = { score: scaled, format: 1, length, overlong };
  if (weights.repetition === 0) return { reward, ...terms };
  const repetition = repetitionTerm(sample.reasoning);
  return { reward: reward + weights.repetition * repetition, ...terms, repetition };
}

/** 0 within the target range; below it -(low - n)/low; above it -(n - high)/(longest - high). In [-1, 0]. Pure. */
export function lengthTerm({ low, high }: RewardRule['length'], tokens: number, longest: number): number {
  if (tokens < low) return (tokens - low) / low;
  if (high === 0 || tokens <= high) return 0;
  return Math.max(-1, (high - tokens) / (longest - high));
}

/** DAPO's soft overlong punishment: 0 up to longest - cache tokens, then down in a line to -1 at longest. Pure. */
export function overlongTerm(cache: number, tokens: number, longest: number): number {
  const from = longest - cache;
  return cache === 0 || tokens <= from ? 0 : Math.max(-1, (from - tokens) / cache);
}

/** What a malformed sample gets. Pure. */
const malformedReward = (rule: RewardRule): number => rule.malformed ?? leastOfTerms(rule);

const leastOfTerms = ({ weights, scale, overlong }: RewardRule): number =>
  0 -
  (scale === 'unit' ? 0 : weights.rank) -
  weights.length -
  weights.repetition -
  (overlong > 0 ? weights.overlong : 0);

/** What of a rule is out of reach of rollouts of at most `longest` new tokens, in words, or null. Pure. */
export function faultOf({ length, overlong }: RewardRule, longest: number): string | null {
  const faults: [boolean, string][] = [
    [
      length.low > longest,
      `\`length_low\` is ${length.low}, and no sample can have more than ${longest} tokens (\`max_new\` of rl.rollout).`,
    ],
    [
      length.high >= longest,
      `\`length_high\` is ${length.high}, and no sample can have more than ${longest} tokens (\`max_new\` of rl.rollout): it does nothing.`,
    ],
    [
      overlong >= longest,
      `\`overlong_tokens\` is ${overlong} of at most ${longest} new tokens (\`max_new\` of rl.rollout), so every sample would be punished.`,
    ],
  ];
  return faults.find(([isWrong]) => isWrong)?.[1] ?? null;
}
