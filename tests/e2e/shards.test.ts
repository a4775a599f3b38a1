// A corpus that is encoded as shards, on a real server with the real trainer, whose worker is killed in the middle: the same bytes as in
// one piece, and only the shard under way is computed again.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../retrieval/random.js';
import type { Result } from '../../schemas/generated/records.js';
import { shardName } from '../../schemas/ids.js';
import { stepKey } from '../../schemas/identity.js';
import { ensureBuilt } from '../local/built.js';
import { pidAfter, pidOf, resultsIn, trainingRig, until, type Ended, type TrainingRig } from './training-rig.js';

// Without a cache each run computes its own index, under a key of its own.
const text = `
pawl: 1
name: wide
params: { parts: { type: integer, default: 1 } }
defaults: { retry: { attempts: 3, backoff: 1s } }
steps:
  corpus: { uses: data.jsonl, with: { folder: ./beir } }
  base:   { uses: model.init, with: { data: "\${{ steps.corpus.outputs.dataset }}", preset: test, vocab: 320 } }
  index:
    uses: index.build
    with: { model: "\${{ steps.base.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}", shard_rows: 16, batch: 8 }
    cache: false
    shards: \${{ params.parts }}
outputs: { index: "\${{ steps.index.outputs.index }}" }
`;
const shards = 3;

/** 90 documents of invented words, each with a query of its first three. */
function writeCorpus(folder: string): void {
  const words = 'red green blue stone river cloud paper lamp wolf door seven north salt wheel glass moon iron'.split(
    ' ',
  );
  const random = seededRandom(1, 'corpus of shards');
  const texts = Array.from({ length: 90 }, () =>
    Array.from({ length: 20 + random.below(40) }, () => words[random.below(words.length)]),
  );
  const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  mkdirSync(join(folder, 'qrels'), { recursive: true });
  writeFileSync(join(folder, 'corpus.jsonl'), lines(texts.map((text, i) => ({ _id: `d${i}`, text: text.join(' ') }))));
  const asked = texts.map((text, i) => ({ _id: `q${i}`, text: `${text.slice(0, 3).join(' ')} ${i}` }));
  writeFileSync(join(folder, 'queries.jsonl'), lines(asked));
  const judged = texts.map((_, i) => `q${i}\td${i}\t1\n`).join('');
  writeFileSync(join(folder, 'qrels', 'sft.tsv'), `query-id\tcorpus-id\tscore\n${judged}`);
}

let rig: TrainingRig;
let faults: string;
let file: string;
beforeAll(async () => {
  await ensureBuilt();
  rig = await trainingRig({ mlflow: false });
  faults = join(rig.folder, 'faults');
  file = join(rig.folder, 'wide.yaml');
  mkdirSync(faults);
  writeFileSync(file, text);
  writeCorpus(join(rig.folder, 'beir'));
  rig.env.PAWL_FAULTS = faults;
}, 180_000);
afterAll(() => rig.dispose(), 60_000);

/** Path -> result of what a run has committed. */
async function madeIn(run: string): Promise<Map<string, Result>> {
  const own = [...(await resultsIn(rig.store)).values()].filter((result) => result.run === run);
  return new Map(own.map((result) => [result.path, result]));
}

const digestIn = async (run: string): Promise<string | undefined> =>
  (await madeIn(run)).get('index')?.outputs['index']?.tree;

const argsOf = (name: string, parts: number): string[] => ['--name', name, '--set', `parts=${parts}`];

/** The key of a shard of the index of another run than this one. */
function shardKey({ derivation }: Result, run: string, shard: number): string {
  const inputs = { ...derivation.inputs, shard, shards };
  return stepKey({ ...derivation, kind: 'index.shard', version: 1, inputs, environment: { run } });
}

const attemptsIn = ({ record }: Pick<Ended, 'record'>): Record<string, number> =>
  Object.fromEntries((record?.steps ?? []).map(({ path, attempts }) => [path, attempts]));

describe('an index of shards', () => {
  it('in one piece is what all are compared with', { timeout: 240_000 }, async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', file, ...argsOf('one', 1)]);
    expect({ code, stderr, stdout: code === 0 ? '' : stdout }).toEqual({ code: 0, stderr: '', stdout: '' });
    expect([...(await madeIn('wide/one')).keys()].sort()).toEqual(['base', 'corpus', 'index']);
  });

  it(
    'survives kill -9 of the worker with a shard under way, and keeps what was committed',
    { timeout: 240_000 },
    async () => {
      const one = (await madeIn('wide/one')).get('index');
      if (one === undefined) throw new Error('no index');
      // Each shard waits before it commits until it is told to go on.
      const all = Array.from({ length: shards }, (_, i) => i + 1);
      const plan = all.map((shard) => ({
        id: `${shard}`,
        then: 'wait',
        point: {
          when: 'before',
          op: 'createIfAbsent',
          shape: `results/${shardKey(one, 'wide/killed', shard)}.json`,
          nth: 1,
        },
      }));
      writeFileSync(join(faults, 'faults.json'), JSON.stringify(plan));
      const idle = pidOf(rig, 'worker');
      process.kill(idle, 'SIGKILL'); // the next one reads the faults
      await until(
        () => pidAfter(rig, 'worker', idle),
        60_000,
        () => 'no worker',
      );
      const run = rig.begin(['run', file, ...argsOf('killed', shards), '--json']);
      const reached = (but?: number): Promise<number> =>
        until(
          () => all.find((shard) => shard !== but && existsSync(join(faults, `${shard}.reached`))) ?? null,
          120_000,
          run.stdout,
        );
      const first = await reached();
      writeFileSync(join(faults, `${first}.go`), '');
      const second = await reached(first);
      const before = await madeIn('wide/killed');
      expect([...before.keys()]).toEqual([shardName('index', { shard: first, shards })]);
      for (const shard of all) writeFileSync(join(faults, `${shard}.go`), '');
      process.kill(pidOf(rig, 'worker'), 'SIGKILL');
      const { code, stdout } = await run.outcome;
      expect(code, stdout.slice(-2000)).toBe(0);
      const { record } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Pick<Ended, 'record'>;
      const after = await madeIn('wide/killed');
      const path = (shard: number): string => shardName('index', { shard, shards });
      expect([...after.keys()].sort()).toEqual(['index', ...all.map(path)].sort());
      expect(after.get(path(first))).toEqual(before.get(path(first)));
      const seconds = all.map((shard) => after.get(path(shard))?.seconds ?? Infinity);
      expect(after.get('index')?.seconds).toBeGreaterThan(seconds.reduce((sum, one) => sum + one, 0));
      expect(attemptsIn({ record })).toMatchObject({ [path(first)]: 1, [path(second)]: 2, index: 1 });
      expect(await digestIn('wide/killed')).toBe(one.outputs['index']?.tree);
    },
  );

  it('has the same bytes with another number of shards', { timeout: 120_000 }, async () => {
    const { code, stdout } = await rig.pawl(['run', file, ...argsOf('five', 5)]);
    expect(code, stdout.slice(-2000)).toBe(0);
    expect([...(await madeIn('wide/five')).keys()].sort()).toEqual(
      ['index', ...[1, 2, 3, 4, 5].map((shard) => `index[${shard}/5]`)].sort(),
    );
    expect(await digestIn('wide/five')).toBe(await digestIn('wide/one'));
  });
});
