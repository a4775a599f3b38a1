// Which groups of samples can teach: those whose samples differ in what they were rewarded for. GRPO compares the samples of
// a query, so a group of equal rewards gives no advantage.

export interface Choice {
  /** Numbers of the groups that stay, ascending. */
  kept: number[];
  /** Groups whose samples do not differ. */
  equal: number;
  /** Groups that differ and were not needed. */
  surplus: number;
}

const epsilon = 1e-6;

/** Whether the samples of each group of `size` differ by more than 1e-6. Pure. */
export function differing(values: readonly number[], size: number): boolean[] {
  return Array.from({ length: values.length / size }, (_, group) => {
    const own = values.slice(group * size, (group + 1) * size);
    return Math.max(...own) - Math.min(...own) > epsilon;
  });
}

/**
 * The first `most` groups that differ, in the order in which they were sampled; null keeps all groups. Where none differs the
 * first `most` stay: nothing is learned from them, and the loop goes on. Pure.
 */
export function chooseGroups(differs: readonly boolean[], most: number | null): Choice {
  const all = [...differs.keys()];
  const informative = all.filter((group) => differs[group]);
  const equal = all.length - informative.length;
  if (most === null) return { kept: all, equal, surplus: 0 };
  const kept = (informative.length === 0 ? all : informative).slice(0, most);
  return { kept, equal, surplus: Math.max(0, informative.length - most) };
}
