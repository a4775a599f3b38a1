// Half precision: every number of it survives, every other one goes to the nearest.
import { describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../../retrieval/half.js';
import { seededRandom } from '../../retrieval/random.js';

const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
const finite = [...fromHalf(all)].filter(Number.isFinite).toSorted((a, b) => a - b);

/** Place of the greatest finite half that is not above the value. */
function lastUpTo(value: number): number {
  let [low, high] = [0, finite.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((finite[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

describe('half precision', () => {
  it('keeps the bits of every one of its numbers', () => {
    const back = toHalf(fromHalf(all));
    const isNaNBits = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
    expect([...back].filter((bits, i) => bits !== i && !isNaNBits(i))).toEqual([]);
    expect(fromHalf(Uint16Array.of(0x3c00, 0x3555, 0x0001, 0x7bff, 0xfc00))).toEqual(
      Float32Array.of(1, 0.333251953125, 2 ** -24, 65504, -Infinity),
    );
  });

  it('goes to the nearest number, and to the even one of two', () => {
    const random = seededRandom(1, 'halves');
    const values = Float32Array.from(
      { length: 20_000 },
      () => ((random.bits() / 2 ** 31 - 1) * 2) ** (1 + random.below(9)),
    );
    const rounded = fromHalf(toHalf(values));
    const wrong = values.filter((value, i) => {
      const at = lastUpTo(value);
      const around = [finite[at] as number, finite[at + 1] ?? Infinity];
      return Math.abs((rounded[i] as number) - value) !== Math.min(...around.map((number) => Math.abs(number - value)));
    });
    expect([...wrong]).toEqual([]);
    const ties = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25, 65519, 65520, -65520, NaN);
    expect([...fromHalf(toHalf(ties))]).toEqual([1, 1 + 2 ** -9, 0, 2 ** -23, 65504, Infinity, -Infinity, NaN]);
  });

  it('is at most 2^-11 of a number away, so the score of unit vectors moves by at most as much', () => {
    const random = seededRandom(2, 'halves');
    const values = Float32Array.from({ length: 1000 }, () => 2 ** -13 + random.bits() / 2 ** 32);
    const rounded = fromHalf(toHalf(values));
    expect(values.every((value, i) => Math.abs((rounded[i] as number) - value) <= value * 2 ** -11)).toBe(true);
  });
});
