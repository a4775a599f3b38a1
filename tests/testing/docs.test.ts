// docs/testing-pipelines.md says what is true: its pipeline compiles, its test file passes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pipelineTestSchema } from '../../schemas/generated/pipeline-test-schema.js';
import { runFile, textOf } from './run-file.js';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'testing-pipelines.md'), 'utf8');
const blocks = [...page.matchAll(/^```yaml\n# (\S+)\n([^]*?)^```$/gm)].map(([, name = '', text = '']) => [name, text]);

it('the test file of the page passes', async () => {
  expect(blocks.map(([name]) => name)).toEqual(['train.yaml', 'train.test.yaml']);
  const run = await runFile(Object.fromEntries(blocks) as Record<string, string>, 'train.test.yaml');
  expect(run.diagnostics, textOf(run)).toEqual([]);
  expect(run.cases.length).toBeGreaterThan(4);
  expect(
    run.cases.filter(({ failures }) => failures.length > 0),
    textOf(run),
  ).toEqual([]);
});

it('every key that may be written is on the page', () => {
  const definitions = pipelineTestSchema['$defs'] as Record<string, { properties?: object }>;
  const keys = ['Fake', 'Fails', 'Case', 'Expect'].flatMap((name) => Object.keys(definitions[name]?.properties ?? {}));
  expect(keys.filter((key) => key !== 'description' && !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
});
