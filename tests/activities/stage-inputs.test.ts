import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stageInputs } from '../../activities/stage-inputs.js';
import { stageShards } from '../../activities/stage-shards.js';
import { putInput } from '../../store/files.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import type { LocalArtifact, LocalFile } from '../../activities/kind.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const stage = (inputs: Parameters<typeof stageInputs>[2]) => stageInputs(bench.host, bench.host.cache.lease(), inputs);

describe('inputs', () => {
  it('leave scalars, lists and objects as they are', async () => {
    const inputs = { lr: 0.1, name: 'x', on: true, none: null, modes: ['plain', 'bm25'], budget: { fraction: 0.05 } };
    expect(await stage(inputs)).toEqual(inputs);
  });

  it('bring an artifact into a local folder, named by how it was made', async () => {
    const call = callOf(bench, 'test.sleep', { steps: 2, step_ms: 0, value: 3 });
    const { outputs } = await attempt(bench, call).outcome;
    const { previous } = (await stage({ previous: outputs['folder'] ?? null })) as { previous: LocalArtifact };
    expect(previous).toMatchObject({ identity: `${call.key}/folder`, type: 'folder' });
    expect(await readFile(join(previous.path, 'counter.json'), 'utf8')).toBe('{"steps":2,"value":3}');
  });

  it('bring a file and a folder of the pipeline, by digest', async () => {
    const folder = join(bench.home, 'given');
    await mkdir(folder);
    await writeFile(join(folder, 'corpus.jsonl'), '{}\n');
    const of = async (path: string) => ({ $file: { path, ...(await putInput(bench.store, path)) } });
    const staged = await stage({ file: await of(join(folder, 'corpus.jsonl')), folder: await of(folder) });
    const { file, folder: local } = staged as { file: LocalFile; folder: LocalFile };
    expect(await readFile(file.path, 'utf8')).toBe('{}\n');
    expect(await readFile(join(local.path, 'corpus.jsonl'), 'utf8')).toBe('{}\n');
  });

  it('whose artifact is gone fail with artifact_damaged, and its step runs again', async () => {
    const call = callOf(bench, 'test.sleep', { steps: 2, step_ms: 0, value: 3 });
    const { outputs } = await attempt(bench, call).outcome;
    const tree = (await readResult(bench.store, call.key))?.outputs['folder']?.tree ?? '';
    await bench.store.remove(names.blob(tree));
    await expect(stage({ previous: outputs['folder'] ?? null })).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
    expect(await readResult(bench.store, call.key)).toBe(null);
    await expect(stage({ previous: outputs['folder'] ?? null })).rejects.toThrow('Run again: its step makes it anew.');
  });
});

describe('what shards have made', () => {
  it('is readable in their order, with the seconds of all of them', async () => {
    const calls = [1, 2].map((value) => callOf(bench, 'test.sleep', { steps: 1, step_ms: 0, value }));
    const outputs = [];
    for (const call of calls) outputs.push((await attempt(bench, call).outcome).outputs);
    const staged = await stageShards(bench.host, bench.host.cache.lease(), outputs);
    const texts = await Promise.all(
      (staged?.made ?? []).map((made) =>
        readFile(join((made['folder'] as LocalArtifact).path, 'counter.json'), 'utf8'),
      ),
    );
    expect(texts).toEqual([1, 2].map((value) => `{"steps":1,"value":${value}}`));
    const results = await Promise.all(calls.map(({ key }) => readResult(bench.store, key)));
    expect(staged?.seconds).toBe((results[0]?.seconds ?? NaN) + (results[1]?.seconds ?? NaN));
    expect(await stageShards(bench.host, bench.host.cache.lease(), undefined)).toBe(null);
  });
});
