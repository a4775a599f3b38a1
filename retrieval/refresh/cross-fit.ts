// Fits a map to rows that were encoded anew and says what it is worth: on rows that were drawn uniformly from the stale ones, each
// moved by a map that was fitted without it. What it does to them is an unbiased picture of what it does to the rows that stay stale.
import { moveRow } from '../row-correction.js';
import { cosine } from '../vector-index.js';
import { correctors, type Corrector, type FitMap, type MovedRows } from './fit-map.js';

export interface FitInput extends MovedRows {
  corrector: Corrector;
  lambda: number;
  /** Places of the rows that were drawn uniformly. */
  judged: readonly number[];
}

export interface FittedMap {
  /** Of all rows; null where it is not better than no map by more than its standard error, or that cannot be said. */
  map: Float32Array | null;
  /** Mean 1 - cos(x, now) of the judged rows as they are stored and moved; null with too few of them. */
  before: number | null;
  after: number | null;
}

/** Parts of the judged rows that are left out in turns. */
const folds = 5;
/** Rows that are looked at, at most: it bounds the work. */
const mostRows = 1024;

/** The map, and its worth. Rows without a direction are left out. */
export async function crossFit(input: FitInput): Promise<FittedMap> {
  const usable = new Set([...input.strengths.keys()].filter((place) => Number.isFinite(apart(input, place))));
  const drawn = input.judged.filter((place) => usable.has(place));
  const judged = spread(drawn, mostRows);
  const isJudged = new Set(judged);
  const others = spread(
    [...usable].filter((place) => !isJudged.has(place)),
    mostRows - judged.length,
  );
  if (judged.length < folds) return { map: null, before: null, after: null };
  const fit = (places: readonly number[]): ReturnType<FitMap> =>
    correctors[input.corrector](partOf(input, places), input.lambda);
  const before: number[] = [];
  const after: number[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const held = judged.filter((_, i) => i % folds === fold);
    const map = await fit([...judged.filter((_, i) => i % folds !== fold), ...others]);
    if (map === null) return { map: null, before: null, after: null };
    for (const place of held) {
      before.push(apart(input, place));
      after.push(apart(input, place, map));
    }
  }
  const map = isBetter(before, after) ? await fit([...judged, ...others]) : null;
  return { map, before: mean(before), after: mean(after) };
}

/** Whether the mean of the differences is above its standard error: chance alone passes one time in six. */
function isBetter(before: readonly number[], after: readonly number[]): boolean {
  const gains = before.map((x, i) => x - (after[i] as number));
  const gain = mean(gains);
  const variance = gains.reduce((sum, x) => sum + (x - gain) ** 2, 0) / (gains.length - 1);
  return gain > Math.sqrt(variance / gains.length);
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** 1 - cos of a row before, moved where there is a map, and now. */
function apart({ dimension, old, fresh, strengths }: FitInput, place: number, map?: Float32Array): number {
  const [from, end] = [place * dimension, (place + 1) * dimension];
  const row = old.subarray(from, end);
  const moved = map === undefined ? row : moveRow(map, strengths[place] as number, row);
  return 1 - cosine(moved, fresh.subarray(from, end));
}

function partOf({ dimension, old, fresh, strengths }: MovedRows, places: readonly number[]): MovedRows {
  const rowsOf = (all: Float32Array): Float32Array => {
    const rows = new Float32Array(places.length * dimension);
    places.forEach((place, i) => {
      rows.set(all.subarray(place * dimension, (place + 1) * dimension), i * dimension);
    });
    return rows;
  };
  return {
    dimension,
    old: rowsOf(old),
    fresh: rowsOf(fresh),
    strengths: Float32Array.from(places, (place) => strengths[place] as number),
  };
}

/** At most `most` of a list, evenly spread. */
const spread = (places: readonly number[], most: number): number[] =>
  places.length <= most
    ? [...places]
    : Array.from({ length: most }, (_, i) => places[Math.floor((i * places.length) / most)] as number);
