// A reasoning that goes round: the same tokens again and again. The trainer has the same figure (rollout_figures.py, loop).
const longestPeriod = 16;
const leastTimes = 3;
const leastTokens = 8;

/**
 * Tokens of the longest stretch in which the same n tokens, n from 1 to 16, stand three times in a row or more; 0 where none has
 * 8 tokens. Pure.
 */
export function loopTokens(row: ArrayLike<number>): number {
  let longest = 0;
  for (let n = 1; n <= Math.min(longestPeriod, Math.floor(row.length / leastTimes)); n++) {
    let same = 0;
    for (let at = n; at < row.length; at++) {
      same = row[at] === row[at - n] ? same + 1 : 0;
      if (same + n >= Math.max(leastTimes * n, leastTokens)) longest = Math.max(longest, same + n);
    }
  }
  return longest;
}

/** The term P of a reward: minus the share of a reasoning that goes round. In [-1, 0]. Pure. */
export const repetitionTerm = (reasoning: ArrayLike<number>): number =>
  reasoning.length === 0 ? 0 : 0 - loopTokens(reasoning) / reasoning.length;
