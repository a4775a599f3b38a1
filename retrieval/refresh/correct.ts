// The correction of a refreshed index: a map from what is stored to what the current encoder makes, fitted to the rows that this refresh
// encoded, for the rows that it did not. It is used only where it brings held-out rows nearer to what they are now.
import type { RowCorrection } from '../row-correction.js';
import { encoderOf, gatherRows } from '../vector-index.js';
import type { RefreshInput } from './policy.js';

export interface Correction {
  /** null: rows are searched as they are stored. */
  correction: RowCorrection | null;
  /** Mean 1 - cos(row, now) over the probe, as stored and as moved by a map that did not see the row; null where there were too few. */
  before: number | null;
  after: number | null;
}

/** The correction that the options ask for, from rows of which the current vectors are known; `probe` are those drawn uniformly. null: none is asked for. */
export async function correctionOf(
  input: RefreshInput,
  rows: readonly number[],
  vectors: Float32Array,
  probe: readonly number[],
): Promise<Correction | null> {
  const { index, options } = input;
  if (options.correct === 'none') return null;
  const strengths = strengthsByEncoder(input, rows);
  const isDrawn = new Set(probe);
  const { map, before, after } = await input.search.fit({
    ...{ corrector: options.correct, lambda: options.lambda, dimension: index.dimension },
    ...{ old: gatherRows(index, rows), fresh: vectors },
    strengths: Float32Array.from(rows, (row) => strengths[encoderOf(index, row)] as number),
    judged: [...rows.keys()].filter((place) => isDrawn.has(rows[place] as number)),
  });
  return { correction: map === null ? null : { map, strengths }, before, after };
}

/** Strength by encoder id: 0 for the current encoder, for others their age by the mean age of `rows`. */
function strengthsByEncoder({ index, stale, version, versionOf }: RefreshInput, rows: readonly number[]): Float32Array {
  const age = (row: number): number => Math.max(1, version - versionOf(row));
  const mean = rows.reduce((sum, row) => sum + age(row), 0) / rows.length;
  const known = new Map(stale.map((row) => [encoderOf(index, row), age(row) / mean]));
  const strengths = new Float32Array(Math.max(-1, ...known.keys()) + 1);
  for (const [id, strength] of known) strengths[id] = strength;
  return strengths;
}
