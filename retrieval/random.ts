// Seeded chance: the same seed and purpose give the same draws on every machine.
import { createHash } from 'node:crypto';

export interface Random {
  /** 32 uniform bits. */
  bits(): number;
  /** A uniform integer of 0..n-1, without modulo bias. */
  below(n: number): number;
}

/** A generator of its own for a (seed, purpose). Xoshiro128** (Blackman and Vigna, 2018), its state from sha256. Pure. */
export function seededRandom(seed: number, purpose: string): Random {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, purpose]))
    .digest();
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)) as [number, number, number, number];
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
  const bits = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  const below = (n: number): number => {
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const drawn = bits();
      if (drawn < limit) return drawn % n;
    }
  };
  return { bits, below };
}

/** `count` different items of the list in the order drawn (partial Fisher-Yates); all of them when there are fewer. Pure. */
export function drawWithout(items: readonly number[], count: number, random: Random): number[] {
  const pool = items.slice();
  const drawn = Math.min(count, pool.length);
  for (let i = 0; i < drawn; i++) {
    const j = i + random.below(pool.length - i);
    [pool[i], pool[j]] = [pool[j] as number, pool[i] as number];
  }
  return pool.slice(0, drawn);
}
