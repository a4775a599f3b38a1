// What a large index costs: synthetic documents written, built into an index, ranked in, refreshed by a delta, compacted; with the
// vectors left in files. The vectors stand in for those of an encoder, so no figure holds any encoding.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { freshnessOf, staleRows } from '../retrieval/freshness.js';
import { createIndexCache } from '../retrieval/index-cache.js';
import { seededRandom } from '../retrieval/random.js';
import { rewardRanks } from '../retrieval/ranks.js';
import type { LoadedIndex } from '../retrieval/read-index.js';
import { runPolicy } from '../retrieval/refresh/run-policy.js';
import { threadSearch } from '../retrieval/refresh/thread-search.js';
import type { RowType } from '../retrieval/row-files.js';
import { retrievalThreads } from '../retrieval/thread-pool.js';
import { gatherRows, planShards } from '../retrieval/vector-index.js';
import { joinRows, extensions, writeBuiltIndex, writeRefreshedIndex } from '../retrieval/write-index.js';

export interface LargeIndexSize {
  rows: number;
  dimension: number;
  type: RowType;
  shardRows: number;
  /** Queries that are ranked, in groups of 8; a policy sees all of them. */
  queries: number;
  /** Share of the rows that a refresh writes. */
  fraction: number;
}

export interface LargeIndexCost {
  what: string;
  seconds: number;
  /** Seconds of processor time, of all threads. */
  cpu: number;
  /** Bytes that the step left in its folder, those of files that it shares with an older version left out. */
  bytes: number | null;
  /** Largest resident memory of the process so far. */
  peakMb: number;
}

/** Runs all parts, one after the other; the peak is of this process, which should do nothing else. */
export async function measureLargeIndex(size: LargeIndexSize, say: (what: string) => void): Promise<LargeIndexCost[]> {
  const root = await mkdtemp(join(tmpdir(), 'pawl-large-index-'));
  const costs: LargeIndexCost[] = [];
  const time = async <T>(what: string, work: () => Promise<T>, left?: string[]): Promise<T> => {
    say(what);
    const [start, cpuStart] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const used = process.cpuUsage(cpuStart);
    const bytes = left === undefined ? null : await newBytes(left[0] ?? '', left[1]);
    const seconds = (performance.now() - start) / 1000;
    costs.push({
      what,
      seconds,
      cpu: (used.user + used.system) / 1e6,
      bytes,
      peakMb: process.resourceUsage().maxRSS / 1024,
    });
    return result;
  };
  try {
    await measure(size, root, time);
    return costs;
  } finally {
    await retrievalThreads().close();
    await rm(root, { recursive: true, force: true });
  }
}

type Time = <T>(what: string, work: () => Promise<T>, left?: string[]) => Promise<T>;

async function measure(size: LargeIndexSize, root: string, time: Time): Promise<void> {
  const { rows, dimension, type, fraction } = size;
  const [corpus, built] = [join(root, 'corpus.jsonl'), join(root, 'built')];
  const plan = planShards(rows, size.shardRows);
  await mkdir(built);
  await time('write the synthetic documents and vectors (in place of the encoder)', async () => {
    await writeCorpus(corpus, rows);
    for (const [i, part] of plan.entries()) await writeVectors(join(root, `${i}.f32`), part.rows, dimension, i);
  });
  await time(
    'build: rows to their type, digests, encoder ids',
    async () => {
      const shards = [];
      for (const [i, part] of plan.entries()) {
        const file = join(built, `base-${i}${extensions[type]}`);
        const encoded = [{ file: join(root, `${i}.f32`), rows: part.rows }];
        await joinRows(encoded, { from: 'float32', to: file, type, dimension });
        await rm(join(root, `${i}.f32`));
        shards.push({ ...part, file });
      }
      await writeBuiltIndex({ dir: built, corpus, dimension, type, model: 'first', shards });
    },
    [built],
  );
  const cache = createIndexCache(256 * 2 ** 20);
  const use = <T>(path: string, work: (loaded: LoadedIndex) => Promise<T>): Promise<T> =>
    cache.withIndex({ path, identity: path }, work);
  await time('open: manifest, encoder ids, all document ids and digests of texts', () =>
    use(built, () => Promise.resolve()),
  );
  await time(`rank ${size.queries} queries`, () => use(built, (loaded) => rank(loaded, size)));
  const choice = await time(`choose ${fraction * 100} % (neighbourhood, ring of 10)`, () =>
    use(built, (loaded) => choose(loaded, size)),
  );
  const refresh = (dir: string, compactAbove: number): Promise<unknown> =>
    use(built, async (current) => {
      const refreshed = { rows: Uint32Array.from(choice.rows), vectors: choice.vectors, model: 'second' };
      await mkdir(dir);
      await writeRefreshedIndex({ dir, from: built, current, refreshed, compactAbove });
    });
  const [next, compacted] = [join(root, 'next'), join(root, 'compacted')];
  await time('write the delta', () => refresh(next, 1), [next, built]);
  await time('open the next version', () => use(next, () => Promise.resolve()));
  await time(`rank ${size.queries} queries in base and delta`, () => use(next, (loaded) => rank(loaded, size)));
  await time('compact: a new base', () => refresh(compacted, 0), [compacted, built]);
}

const search = threadSearch(retrievalThreads());

/** Queries near their golds, which are spread over the whole index. */
function samplesOf(
  { index }: LoadedIndex,
  { queries, rows }: LargeIndexSize,
): {
  embeddings: Float32Array;
  golds: number[];
} {
  const golds = Array.from({ length: queries / 8 }, (_, i) => Math.floor((i * rows * 8) / queries));
  const random = seededRandom(1, 'queries of the bench');
  const near = gatherRows(
    index,
    golds.flatMap((gold) => Array.from({ length: 8 }, () => gold)),
  );
  return { golds, embeddings: near.map((x) => x + (random.bits() / 2 ** 31 - 1) * 0.08) };
}

async function rank(loaded: LoadedIndex, size: LargeIndexSize): Promise<void> {
  const { embeddings, golds } = samplesOf(loaded, size);
  const positives = golds.flatMap((gold) => Array.from({ length: 8 }, () => [gold]));
  const task = { index: loaded.index, queries: embeddings, positives, duplicatesOf: () => [] };
  await rewardRanks(task, search.count);
}

async function choose(loaded: LoadedIndex, size: LargeIndexSize): Promise<{ rows: number[]; vectors: Float32Array }> {
  const { embeddings, golds } = samplesOf(loaded, size);
  const freshness = freshnessOf(loaded.index, loaded.manifest, 'second');
  const groups = Array.from({ length: size.queries }, (_, i) => Math.floor(i / 8));
  return runPolicy('neighbourhood', {
    index: loaded.index,
    stale: staleRows(loaded.index, freshness),
    ...{ versionOf: freshness.versionOf, version: 1, budget: Math.round(size.fraction * size.rows) },
    samples: {
      embeddings,
      golds,
      groups,
      positives: groups.map((group) => [golds[group] as number]),
      places: [...groups.keys()],
    },
    duplicatesOf: () => [],
    options: {
      ...{ top: 5, ring: 10, probe: 0.2, share: 0.5, target: 0.95, confidence: 0.95 },
      ...{ ranks: 'served', correct: 'none', lambda: 1 },
    },
    ...{ seed: 1, search },
    encode: (rows) => Promise.resolve(gatherRows(loaded.index, rows).map((x) => x * 0.999)),
  });
}

async function writeCorpus(path: string, rows: number): Promise<void> {
  const out = createWriteStream(path);
  for (let first = 0; first < rows; first += 10_000) {
    const lines = Array.from(
      { length: Math.min(10_000, rows - first) },
      (_, i) => `{"_id":"d${first + i}","text":"text of document ${first + i}"}\n`,
    );
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}

const rowsAtOnce = 8192;

/** Unit vectors: numbers of about a bell curve, normalised. */
async function writeVectors(path: string, rows: number, dimension: number, seed: number): Promise<void> {
  const file = await open(path, 'wx');
  const random = seededRandom(seed, 'vectors of the bench');
  try {
    for (let at = 0; at < rows; at += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, rows - at);
      const stretch = new Float32Array(count * dimension);
      for (let i = 0; i < stretch.length; i++) stretch[i] = bell(random.bits());
      for (let row = 0; row < count; row++) normalise(stretch.subarray(row * dimension, (row + 1) * dimension));
      await file.writeFile(new Uint8Array(stretch.buffer));
    }
  } finally {
    await file.close();
  }
}

/** The sum of the four bytes of a uniform draw, about 0. */
const bell = (bits: number): number =>
  (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510;

function normalise(vector: Float32Array): void {
  let sum = 0;
  for (const x of vector) sum += x * x;
  const scale = 1 / Math.sqrt(sum);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) * scale;
}

/** Bytes of the files of a folder, but not of those that another has under the same name. */
async function newBytes(dir: string, older?: string): Promise<number> {
  const known = new Set(older === undefined ? [] : await readdir(older));
  const names = (await readdir(dir)).filter((name) => name === 'manifest.json' || !known.has(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The costs as a Markdown table. Pure. */
export function largeIndexTable(size: LargeIndexSize, costs: readonly LargeIndexCost[]): string {
  const { rows, dimension, type, shardRows } = size;
  return [
    `${rows.toLocaleString('en')} rows of ${dimension} numbers, ${type}, shards of ${shardRows.toLocaleString('en')} rows.`,
    '',
    '| part | seconds | processor seconds | MB written | peak MB of the process so far |',
    '|---|---|---|---|---|',
    ...costs.map(
      ({ what, seconds, cpu, bytes, peakMb }) =>
        `| ${what} | ${seconds.toFixed(1)} | ${cpu.toFixed(1)} | ${bytes === null ? '' : (bytes / 1e6).toFixed(1)} | ${peakMb.toFixed(0)} |`,
    ),
  ].join('\n');
}
