// pipelines/search-r3.yaml: what it says of the paper's set-up, and the rows that show the format of its data.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../activities/kinds/data-jsonl.js';
import type { KindInput } from '../../activities/kind.js';
import { compileFile } from '../../cli/pipeline-file.js';
import { fakeContext, readLines } from '../activities/kinds/word-model.js';

const path = join(import.meta.dirname, '..', '..', 'pipelines', 'search-r3.yaml');

it('pins the base and says of each value of training whose it is', async () => {
  const { plan } = (await compileFile(path, { set: {} })).output;
  const base = plan?.steps['base'];
  expect(base).toMatchObject({
    uses: 'model.load',
    with: { hub: 'Qwen/Qwen2.5-1.5B-Instruct', revision: expect.stringMatching(/^[0-9a-f]{40}$/) as string },
  });
  const text = readFileSync(path, 'utf8');
  const training = text.slice(text.indexOf('uses: train.sft'), text.indexOf('micro_batch: 16'));
  const values = training.split('\n').filter((line) => /^ {6}[a-z_]+: [^"]/.test(line));
  expect(values.length).toBeGreaterThan(10);
  expect(values.filter((line) => !/# (PAPER|OPEN)/.test(line))).toEqual([]);
});

it('comes with rows that its data step takes', async () => {
  const folder = join(path, '..', 'search-r3', 'data');
  const { plan } = (await compileFile(path, { set: {} })).output;
  const step = plan?.steps['corpus'];
  const given = (step?.node === 'step' ? step.with : {}) as Record<string, KindInput>;
  const context = await fakeContext({ ...given, folder: { path: folder, digest: 'sha256:0' } });
  try {
    expect(await run(context)).toMatchObject({ corpus: 12, queries: 12 });
    const queries = readLines(join(context.outputs['dataset'] ?? '', 'queries.jsonl')) as { split: string }[];
    expect(new Set(queries.map(({ split }) => split))).toEqual(new Set(['sft', 'rl', 'dev', 'test']));
  } finally {
    await context.remove();
  }
});
