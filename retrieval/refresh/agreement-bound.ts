// A lower bound of the share of pairs within groups that the ranks in use put in the order of a full re-encode.
//
// A pair is certified when the interval of the difference of its estimated ranks leaves room for no other order. Each interval may
// be wrong with probability `tail`, so of all pairs a share of `tail` is expected to be certified wrongly, however the pairs of a
// group, which see the same rows, depend on one another; and by Markov's inequality the share is above `slack` with probability
// tail / slack at most. So, with probability 1 - tail / slack:   agreement >= (certified - slack x all) / counted.
// Whoever looks several times, at growing samples, gives each look its part of the probability: tail = slack (1 - confidence) / looks.
//
// Counted are the groups that the bound is not known to have nothing to order: those whose ranks in use differ, and those that are not
// certified to tie throughout. The groups that matter are those whose full ranks differ. A counted group that turns out to tie has
// at most a share of 1 - 2/G of its pairs right, so leaving it out only raises an agreement above that: the bound holds for
// the groups that matter whenever it is at least 1 - 2/G.
import { normalQuantile } from '../normal.js';
import type { RankEstimates, RankSums } from './rank-estimate.js';

export interface BoundInput {
  /** Ranks that the reward uses, one a sample. */
  used: ArrayLike<number>;
  estimates: RankEstimates;
  pairs: RankSums['pairs'];
  groups: readonly number[];
  /** Probability with which an interval may be wrong. */
  tail: number;
  /** Share of the pairs that is given up for wrong intervals. */
  slack: number;
}

/** The bound, from 0 to 1; 1 where there is nothing to order. Pure. */
export function agreementBound(input: BoundInput): number {
  const { used, pairs, groups, slack } = input;
  const tallies = new Map<number, Tally>();
  const [order, tie] = [normalQuantile(input.tail), normalQuantile(input.tail / 2)];
  pairs.a.forEach((a, pair) => {
    const b = pairs.b[pair] as number;
    const tally = tallyOf(tallies, groups[a] as number);
    const difference = (input.estimates.ranks[a] as number) - (input.estimates.ranks[b] as number);
    const deviation = Math.sqrt(input.estimates.pairVariances[pair] as number);
    const sign = Math.sign((used[a] as number) - (used[b] as number));
    const isCertified = sign === 0 ? Math.abs(difference) + tie * deviation < 1 : sign * difference > order * deviation;
    tally.all++;
    if (sign !== 0) tally.differs = true;
    if (!isCertified) return;
    tally.certified++;
    if (deviation > 0) tally.uncertain++;
  });
  const all = [...tallies.values()];
  const counted = all.filter((tally) => tally.differs || tally.certified < tally.all);
  const of = (list: Tally[], count: (tally: Tally) => number): number => list.reduce((sum, one) => sum + count(one), 0);
  if (counted.length === 0) return 1;
  // What was certified without an interval cannot be wrong.
  const lost = Math.min(
    slack * of(all, (tally) => tally.all),
    of(all, (tally) => tally.uncertain),
  );
  return Math.max(0, (of(counted, (tally) => tally.certified) - lost) / of(counted, (tally) => tally.all));
}

interface Tally {
  all: number;
  certified: number;
  /** Of the certified ones, those with an interval. */
  uncertain: number;
  /** Whether two of its ranks in use differ. */
  differs: boolean;
}

function tallyOf(tallies: Map<number, Tally>, group: number): Tally {
  const known = tallies.get(group);
  if (known !== undefined) return known;
  const fresh = { all: 0, certified: 0, uncertain: 0, differs: false };
  tallies.set(group, fresh);
  return fresh;
}
