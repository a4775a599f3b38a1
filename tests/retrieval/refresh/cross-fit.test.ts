// Maps of a correction: what they minimise, what they find in a corpus that has drifted, and when they are not used.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../retrieval/random.js';
import { crossFit, type FitInput } from '../../../retrieval/refresh/cross-fit.js';
import { correctors, type Corrector, type MovedRows } from '../../../retrieval/refresh/fit-map.js';
import { moveRow } from '../../../retrieval/row-correction.js';
import { cosine } from '../../../retrieval/vector-index.js';
import { randomUnitVectors } from '../random-vectors.js';

const dimension = 6;
const both: Corrector[] = ['ridge', 'orthogonal'];
const normalised = (values: number[]): number[] => values.map((x) => x / Math.hypot(...values));
const rowOf = (rows: Float32Array, row: number): Float32Array => rows.subarray(row * dimension, (row + 1) * dimension);

/** A turn in the plane of the first two numbers. */
const turned = (row: ArrayLike<number>, degrees: number): number[] => {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [x = 0, y = 0, ...rest] = Array.from(row);
  return [cos * x - sin * y, sin * x + cos * y, ...rest];
};

/** So many rows before and after a change of each. */
function moved(rows: number, change: (row: Float32Array, place: number) => number[], seed = 1): MovedRows {
  const old = randomUnitVectors(rows, dimension, seed);
  const fresh = Array.from({ length: rows }, (_, row) => normalised(change(rowOf(old, row), row)));
  return { dimension, old, fresh: Float32Array.from(fresh.flat()), strengths: new Float32Array(rows).fill(1) };
}

/** What the fit is to minimise. */
function loss({ old, fresh, strengths }: MovedRows, map: Float32Array, lambda: number): number {
  let sum = lambda * map.reduce((total, x) => total + x * x, 0);
  strengths.forEach((s, row) => {
    for (let j = 0; j < dimension; j++) {
      let step = map[dimension * dimension + j] as number;
      for (let i = 0; i < dimension; i++) step += (rowOf(old, row)[i] as number) * (map[i * dimension + j] as number);
      sum += (s * step - ((rowOf(fresh, row)[j] as number) - (rowOf(old, row)[j] as number))) ** 2;
    }
  });
  return sum;
}

const own = seededRandom(2, 'own drift');
const noise = (size: number): number[] => Array.from({ length: dimension }, () => size * (own.bits() / 2 ** 31 - 1));
const drifted = (rows: number, seed: number): MovedRows =>
  moved(rows, (row) => turned(row, 40).map((x, i) => x + (noise(0.1)[i] as number) + (i === 5 ? 0.2 : 0)), seed);

describe.each([
  { rows: 4, why: 'fewer rows than dimensions' },
  { rows: 40, why: 'more rows than dimensions' },
])('ridge with $why', ({ rows }) => {
  it('minimises squares of what is left and of the map', async () => {
    const pairs = { ...drifted(rows, 3), strengths: Float32Array.from({ length: rows }, (_, i) => 0.5 + (i % 3)) };
    const map = (await correctors.ridge(pairs, 0.7)) as Float32Array;
    const best = loss(pairs, map, 0.7);
    for (let place = 0; place < map.length; place++) {
      for (const step of [-0.01, 0.01]) {
        const other = map.slice();
        other[place] = (other[place] as number) + step;
        expect(loss(pairs, other, 0.7)).toBeGreaterThan(best);
      }
    }
  });
});

describe('orthogonal', () => {
  it('finds a turn exactly, from rows of any strength', async () => {
    const strengths = Float32Array.from({ length: 30 }, (_, i) => 1 + (i % 2));
    const old = randomUnitVectors(30, dimension, 4);
    // A row of strength 2 has gone twice the way of the turn.
    const fresh = Float32Array.from(
      Array.from({ length: 30 }, (_, row) =>
        turned(rowOf(old, row), 30).map((x, i) => {
          const before = rowOf(old, row)[i] as number;
          return before + (strengths[row] as number) * (x - before);
        }),
      ).flat(),
    );
    const map = (await correctors.orthogonal({ dimension, old, fresh, strengths }, 1e-6)) as Float32Array;
    const expected = turned([1, 0, 0, 0, 0, 0], 30);
    expect([...map.subarray(0, 6)].map((x, i) => x + (i === 0 ? 1 : 0))).toEqual(
      expected.map((x) => expect.closeTo(x, 4) as number),
    );
    expect([...map.subarray(36)]).toEqual(Array(6).fill(0));
  });

  it('minimises what is left among all turns', async () => {
    const pairs = drifted(30, 5);
    const map = (await correctors.orthogonal(pairs, 0.7)) as Float32Array;
    const rotation = Array.from({ length: 6 }, (_, i) => [...map.subarray(6 * i, 6 * i + 6)].map((x, j) => x + (i === j ? 1 : 0))); // prettier-ignore
    for (const degrees of [-3, 3]) {
      const other = new Float32Array(map.length);
      rotation.forEach((row, i) => turned(row, degrees).forEach((x, j) => (other[6 * i + j] = x - (i === j ? 1 : 0))));
      expect(loss(pairs, other, 0.7)).toBeGreaterThan(loss(pairs, map, 0.7));
    }
  });
});

describe.each(both)('%s', (corrector) => {
  const inputOf = (pairs: MovedRows, more: Partial<FitInput> = {}): FitInput => ({
    ...{ ...pairs, corrector, lambda: 1 },
    judged: [...pairs.strengths.keys()].filter((row) => row % 3 === 0),
    ...more,
  });
  const residual = (pairs: MovedRows, map: Float32Array): number =>
    pairs.strengths.reduce(
      (sum, s, row) => sum + 1 - cosine(moveRow(map, s, rowOf(pairs.old, row)), rowOf(pairs.fresh, row)),
      0,
    ) / pairs.strengths.length;

  it('is drawn to no change by a great lambda', async () => {
    const map = (await correctors[corrector](drifted(30, 6), 1e5)) as Float32Array;
    expect(Math.max(...map.map(Math.abs))).toBeLessThan(1e-3);
  });

  it('brings other rows of the same drift nearer, by about as much as it says', async () => {
    const { map, before, after } = await crossFit(inputOf(drifted(90, 7)));
    const others = drifted(600, 8);
    const truth = residual(others, map as Float32Array);
    expect(after as number).toBeLessThan(0.3 * (before as number));
    expect(truth).toBeGreaterThan(0.6 * (after as number));
    expect(truth).toBeLessThan(1.4 * (after as number));
  });

  it('is rarely used where rows move each its own way', async () => {
    let used = 0;
    for (let seed = 0; seed < 20; seed++) {
      const pairs = moved(40, (row) => [...row].map((x, i) => x + (noise(0.8)[i] as number)), seed);
      if ((await crossFit(inputOf(pairs))).map !== null) used++;
    }
    expect(used).toBeLessThan(6);
  });

  it('is judged on rows of the whole corpus where more were drawn than are looked at', async () => {
    const pairs = moved(3000, (row, place) => turned(row, place < 1024 ? 40 : -40), 11);
    const { before, after } = await crossFit(inputOf(pairs, { judged: [...pairs.strengths.keys()] }));
    const none = new Float32Array(dimension * dimension + dimension);
    expect(before as number).toBeCloseTo(residual(pairs, none), 1);
    // Of a third turned one way and two thirds the other no map makes nearly nothing, as it does of the first rows alone.
    expect(after as number).toBeGreaterThan(0.5 * (before as number));
  });

  it('is not used where too few rows were drawn uniformly, and overlooks rows without a direction', async () => {
    const pairs = drifted(90, 9);
    expect(await crossFit(inputOf(pairs, { judged: [0, 1, 2, 3] }))).toEqual({ map: null, before: null, after: null });
    const broken = { ...pairs, old: pairs.old.slice(), fresh: pairs.fresh.slice() };
    rowOf(broken.old, 3).fill(NaN);
    rowOf(broken.fresh, 6).fill(0);
    const { map, after } = await crossFit(inputOf(broken));
    expect(map?.every(Number.isFinite)).toBe(true);
    expect(after).toBeLessThan(0.1);
  });
});
