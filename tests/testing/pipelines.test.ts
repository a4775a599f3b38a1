// The examples keep what their test files promise.
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFile, textOf } from './run-file.js';

const folder = join(import.meta.dirname, '..', '..', 'pipelines');
const testFiles = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.test.yaml'));

const runExample = (name: string): ReturnType<typeof runFile> => runFile(join(folder, dirname(name)), basename(name));

describe('the pipelines', () => {
  it('have tests', () => expect(testFiles.length).toBeGreaterThan(1));

  it.each(testFiles)('%s passes', async (name) => {
    const run = await runExample(name);
    const failed = run.cases.filter(({ failures }) => failures.length > 0).map((one) => one.name);
    expect(failed, textOf(run)).toEqual([]);
    expect(run.diagnostics, textOf(run)).toEqual([]);
    expect(run.cases.length).toBeGreaterThan(1);
  });

  it.each(testFiles)('%s gives the same twice', async (name) => {
    expect((await runExample(name)).cases).toEqual((await runExample(name)).cases);
  });
});
