// Golden pairs: err/<code>-<case>.yaml with the exact text a user sees, ok/<case>.yaml with the exact plan.
// PAWL_UPDATE_GOLDEN=1 rewrites them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnosticCodes } from '../../compiler/diagnostics.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { compileGolden, goldenFiles } from './golden-file.js';

const update = process.env.PAWL_UPDATE_GOLDEN === '1';
const here = import.meta.dirname;

function compare(path: string, actual: string): void {
  if (update) writeFileSync(path, actual);
  expect(existsSync(path), `${path} is missing; npm run golden:update writes it`).toBe(true);
  expect(actual).toBe(readFileSync(path, 'utf8'));
}

describe('a wrong pipeline is explained', () => {
  it.each(goldenFiles('err'))('%s', (name) => {
    const { plan, diagnostics, texts } = compileGolden('err', name);
    const code = diagnosticCodes.filter((item) => name.startsWith(`${item}-`)).sort((a, b) => b.length - a.length)[0];
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toContain(code);
    if (diagnostics.some(({ severity }) => severity === 'error')) expect(plan).toBeNull();
    compare(join(here, 'err', name.replace(/yaml$/, 'out')), `${formatDiagnostics(diagnostics, texts)}\n`);
  });

  it('has a golden pair for every code', () => {
    const covered = goldenFiles('err');
    expect(diagnosticCodes.filter((code) => !covered.some((name) => name.startsWith(`${code}-`)))).toEqual([]);
  });
});

describe('a right pipeline gives this plan', () => {
  it.each(goldenFiles('ok'))('%s', (name) => {
    const { plan, diagnostics } = compileGolden('ok', name);
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    compare(join(here, 'ok', name.replace(/yaml$/, 'plan.json')), `${JSON.stringify(sortKeys(plan), null, 2)}\n`);
  });
});

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortKeys(item)]));
}
