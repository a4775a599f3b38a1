// How well ranks within groups agree with those of a full re-encode: what GRPO uses of the ranks is their order and spacing in a group.
// Only groups whose full ranks are not all equal count: the others give no advantage. Samples without an embedding are left out.
import { discount } from './metrics.js';

export interface OrderFidelity {
  /** Share of the pairs of samples of one group that are in the same order, ties being an order of their own; null without a counted group. */
  pairAgreement: number | null;
  /** Mean over counted groups of Spearman's correlation (ties at their mean place); a group whose ranks are all equal has 0. */
  spearman: number | null;
  /** Cosine of the advantages, (R - mean) / std of a group with R = 1/log2(1+rank), over all counted groups; null where one side has none. */
  advantageCosine: number | null;
}

/** Compares ranks, which may be estimates, with those of a full re-encode; `groups` names the group of each. Pure. */
export function orderFidelity(
  ranks: ArrayLike<number>,
  full: ArrayLike<number>,
  groups: readonly number[],
): OrderFidelity {
  const counted = membersOf(groups)
    .map((places) => ({ used: places.map((i) => ranks[i] as number), full: places.map((i) => full[i] as number) }))
    .filter((group) => group.full.some((rank) => rank !== group.full[0]));
  if (counted.length === 0) return { pairAgreement: null, spearman: null, advantageCosine: null };
  const pairs = counted.map((group) => agreeingPairs(group.used, group.full));
  const correlations = counted.map((group) => correlation(places(group.used), places(group.full)) ?? 0);
  return {
    pairAgreement: sum(pairs.map(({ agree }) => agree)) / sum(pairs.map(({ all }) => all)),
    spearman: sum(correlations) / counted.length,
    advantageCosine: cosineOf(
      counted.flatMap((group) => advantages(group.used)),
      counted.flatMap((group) => advantages(group.full)),
    ),
  };
}

/** Above this agreement without a refresh there is too little left to tell policies apart. */
const mostWithout = 0.85;

/**
 * (f - f_none) / (1 - f_none): 0 is as good as no refresh, 1 as good as a full one. null where f_none is above .85, or one of both
 * is not known. Pure.
 */
export const normalisedAgreement = (f: number | null, none: number | null): number | null =>
  f === null || none === null || none > mostWithout ? null : (f - none) / (1 - none);

/** Places of the samples of each group, groups in order of their first sample. Pure. */
export function membersOf(groups: readonly number[]): number[][] {
  const members = new Map<number, number[]>();
  groups.forEach((group, i) => {
    const known = members.get(group);
    if (known === undefined) members.set(group, [i]);
    else known.push(i);
  });
  return [...members.values()];
}

function agreeingPairs(used: number[], full: number[]): { agree: number; all: number } {
  let agree = 0;
  for (let i = 0; i < used.length; i++) {
    for (let j = 0; j < i; j++)
      if (order(used[i] as number, used[j] as number) === order(full[i] as number, full[j] as number)) agree++;
  }
  return { agree, all: (used.length * (used.length - 1)) / 2 };
}

/** -1, 0 or 1. */
const order = (a: number, b: number): number => Number(a > b) - Number(a < b);

/** Place of each value among all, from 1, equal ones at the mean of theirs. */
const places = (values: number[]): number[] =>
  values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });

/** Pearson's; null when one side does not vary. */
const correlation = (a: number[], b: number[]): number | null => cosineOf(centred(a), centred(b));

function advantages(ranks: number[]): number[] {
  const rewards = centred(ranks.map((rank) => discount(rank)));
  const std = Math.sqrt(sum(rewards.map((x) => x * x)) / rewards.length);
  return std < 1e-9 ? rewards.map(() => 0) : rewards.map((x) => x / std);
}

const centred = (values: number[]): number[] => values.map((value) => value - sum(values) / values.length);

function cosineOf(a: number[], b: number[]): number | null {
  const norms = Math.sqrt(sum(a.map((x) => x * x)) * sum(b.map((x) => x * x)));
  return norms === 0 ? null : sum(a.map((x, i) => x * (b[i] as number))) / norms;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
