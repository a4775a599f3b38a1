// index.refresh over shards: the same index and figures as in one piece, for every policy that chooses before it encodes.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { refreshLayout } from '../../../activities/kinds/corpus-layout.js';
import { encodeShare } from '../../../activities/kinds/encode-share.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as refreshShard } from '../../../activities/kinds/index-refresh-shard.js';
import { run as refresh } from '../../../activities/kinds/index-refresh.js';
import { coveringFiles, readShards } from '../../../activities/kinds/shard-files.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { planShards } from '../../../retrieval/vector-index.js';
import { stepKinds } from '../../../schemas/generated/kinds.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, type FakeContext } from './word-model.js';

type Inputs = Record<string, KindInput>;

let root: string;
let data: SmallDataset;
let rollouts: LocalArtifact;
let index: LocalArtifact;
const model = 'step1/model';
const cleanUp: (() => Promise<void>)[] = [];

const defaults = Object.fromEntries(
  Object.entries(stepKinds['index.refresh']?.inputs ?? {}).flatMap(([name, input]) =>
    'default' in input ? [[name, input.default as KindInput]] : [],
  ),
);

async function contextOf(inputs: Inputs): Promise<FakeContext> {
  const made = await fakeContext(inputs);
  cleanUp.push(() => made.remove());
  return made;
}

const inputsOf = (given: Inputs): Inputs => ({
  ...{ ...defaults, index, rollouts, model: smallModel(root, model), batch: 8 },
  ...given,
});

const vectorsOf = ({ outputs }: FakeContext, i: number): Inputs => ({
  vectors: { path: outputs['vectors'] ?? '', identity: `s${i}/vectors`, type: 'folder' },
});

/** What the shards of a refresh leave; each is given what its kind declares. */
async function encoded(inputs: Inputs, shards: number): Promise<{ made: Inputs[]; shares: unknown[] }> {
  const own = Object.entries(inputs).filter(([name]) =>
    Object.hasOwn(stepKinds['index.refresh-shard']?.inputs ?? {}, name),
  );
  const [made, shares]: [Inputs[], unknown[]] = [[], []];
  for (let shard = 1; shard <= shards; shard++) {
    const context = await contextOf({ ...Object.fromEntries(own), shard, shards });
    shares.push((await refreshShard(context))['rows']);
    made.push(vectorsOf(context, shard));
  }
  return { made, shares };
}

async function refreshed(inputs: Inputs, shards: readonly Inputs[] | null) {
  const context = await contextOf(inputs);
  const metrics = await refresh({ ...context, shards });
  const dir = context.outputs['index'] ?? '';
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  const files = readdirSync(dir).map((name) => [name, digest(name)] as const);
  return { made: { metrics, files: Object.fromEntries(files.sort()) }, calls: context.calls.length };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-refresh-shards-'));
  data = smallDataset(root);
  const context = await contextOf({ model: smallModel(root, 'sft/model'), data: data.artifact, ...buildDefaults });
  await build(context);
  index = { path: context.outputs['index'] ?? '', identity: 'first/index', type: 'index' };
  rollouts = await smallRollouts(root, data, model);
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('a refresh over shards', () => {
  it.each([
    { policy: 'full' },
    { policy: 'random', budget: { docs: 20 } },
    { policy: 'oldest', budget: { docs: 30 }, probe: 0.5, correct: 'ridge', compact: 10 },
    { policy: 'neighbourhood', budget: { fraction: 0.5 }, fidelity: true },
    { policy: 'none' },
  ])('leaves the index and the figures of one in one piece: $policy', async (given) => {
    const inputs = inputsOf(given);
    const one = await refreshed(inputs, null);
    const { made, shares } = await encoded(inputs, 3);
    const three = await refreshed(inputs, made);
    expect(three.made).toEqual(one.made);
    expect(shares).toEqual([0, 0, one.made.metrics['encoded']]);
    const ofChoice = given.policy === 'none' ? 0 : 1;
    expect([one.calls - three.calls, three.calls]).toEqual([ofChoice, 'fidelity' in given ? 1 : 0]);
  });

  it('has of a long choice a stretch a shard, with the rows that were chosen', async () => {
    const rows = [3, 4, 7, 11, 12, 20, 31, 33, 40, 41, 55];
    const made: Inputs[] = [];
    for (const shard of [1, 2, 3]) {
      const context = await contextOf(inputsOf({}));
      const layout = { ...(await refreshLayout(context, rows)), bases: planShards(rows.length, 2) };
      await encodeShare(context, { shard, shards: 3 }, [{ name: null, layout }]);
      made.push(vectorsOf(context, shard));
    }
    const files = coveringFiles(await readShards(made, { list: rows }), { first: 0, rows: rows.length });
    const bytes = Buffer.concat(files.map(({ file }) => readFileSync(file)));
    const expected = rows.flatMap((row) => [...embed(data.documents[row]?.text ?? '', model)]);
    expect([...new Float32Array(new Uint8Array(bytes).buffer)]).toEqual(expected);
  });

  it('takes no shards that have chosen other documents', async () => {
    const { made } = await encoded(inputsOf({ policy: 'random', budget: { docs: 20 } }), 2);
    await expect(refreshed(inputsOf({ policy: 'oldest', budget: { docs: 20 } }), made)).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringContaining('Shard 1 has chosen other documents') as string,
    });
  });
});
