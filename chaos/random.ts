// Chance that can be repeated: the same seed and label give the same draws.
import { createHash } from 'node:crypto';

export interface Random {
  /** From 0 up to but without `below`. */
  integer(below: number): number;
  pick<T>(items: readonly T[]): T;
  shuffled<T>(items: readonly T[]): T[];
}

/** Draws that depend on the seed, the label and their order alone. */
export function randomOf(seed: number, label: string): Random {
  let count = 0;
  const integer = (below: number): number => {
    const digest = createHash('sha256').update(`${seed} ${label} ${count++}`).digest();
    return Number(digest.readBigUInt64BE() % BigInt(Math.max(1, below)));
  };
  return {
    integer,
    pick(items) {
      const item = items[integer(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    shuffled(items) {
      const rest = [...items];
      return items.map(() => rest.splice(integer(rest.length), 1)).flat();
    },
  };
}
