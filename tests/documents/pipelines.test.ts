// Every pipeline of pipelines/ compiles without a word, as `pawl validate` reads it from disk.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileFile } from '../../cli/pipeline-file.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';

const folder = join(import.meta.dirname, '..', '..', 'pipelines');
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
/** What a pipeline cannot run without: data that is not in the clone. */
const given: Record<string, Record<string, string>> = { 'study-cosqa.yaml': { folder: import.meta.dirname } };
const isPart = (name: string): boolean => name.includes('parts/');

describe('the pipelines', () => {
  it.each(names.filter((name) => !isPart(name)))('%s compiles clean', async (name) => {
    const { plan, diagnostics, texts } = (await compileFile(join(folder, name), { set: given[name] ?? {} })).output;
    expect(formatDiagnostics(diagnostics, texts)).toBe('');
    expect(plan).not.toBeNull();
  });

  it.each(names.filter(isPart))('%s needs only what the file that uses it gives', async (name) => {
    const { diagnostics, texts } = (await compileFile(join(folder, name), { set: {} })).output;
    const others = diagnostics.filter(({ code }) => code !== 'missing-param');
    expect(others, formatDiagnostics(diagnostics, texts)).toEqual([]);
  });

  it.each(names)('%s begins with the line by which editors find the schema', (name) => {
    const up = '../'.repeat(name.split('/').length);
    const line = `# yaml-language-server: $schema=${up}schemas/pipeline.schema.json\n`;
    expect(readFileSync(join(folder, name), 'utf8').startsWith(line)).toBe(true);
  });
});
