// Golden pairs: err/<code>-<case>.yaml with the exact text a user sees, ok/<case>.yaml with the exact plan.
// PAWL_UPDATE_GOLDEN=1 rewrites them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import type { CompileOutput } from '../../compiler/compile.js';
import { diagnosticCodes } from '../../compiler/diagnostics.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';

const update = process.env.PAWL_UPDATE_GOLDEN === '1';
const here = import.meta.dirname;
const local: Record<string, { digest: string; bytes: number; folder: boolean }> = {
  beir: { digest: `sha256:${'b'.repeat(64)}`, bytes: 2048, folder: true },
  'notes.txt': { digest: `sha256:${'a'.repeat(64)}`, bytes: 12, folder: false },
};

/** The first line may hold options: `# set: lr=abc other=1`. */
function optionsOf(text: string): Record<string, string> {
  const match = /^# set: (.*)$/m.exec(text);
  const pairs = match?.[1]?.split(' ') ?? [];
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

function compileFile(folder: string, name: string): CompileOutput & { text: string } {
  const text = readFileSync(join(here, folder, name), 'utf8');
  return { ...compile({ path: name, text, set: optionsOf(text), files: (path) => local[posix.normalize(path)] ?? null }), text };
}

function compare(path: string, actual: string): void {
  if (update) writeFileSync(path, actual);
  expect(existsSync(path), `${path} is missing; npm run golden:update writes it`).toBe(true);
  expect(actual).toBe(readFileSync(path, 'utf8'));
}

const yamls = (folder: string): string[] => readdirSync(join(here, folder)).filter((name) => name.endsWith('.yaml')).sort();

describe('a wrong pipeline is explained', () => {
  it.each(yamls('err'))('%s', (name) => {
    const { plan, diagnostics, text } = compileFile('err', name);
    const code = diagnosticCodes.filter((item) => name.startsWith(`${item}-`)).sort((a, b) => b.length - a.length)[0];
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toContain(code);
    if (diagnostics.some(({ severity }) => severity === 'error')) expect(plan).toBeNull();
    compare(join(here, 'err', name.replace(/yaml$/, 'out')), `${formatDiagnostics(diagnostics, text)}\n`);
  });

  it('has a golden pair for every code', () => {
    const covered = yamls('err');
    expect(diagnosticCodes.filter((code) => !covered.some((name) => name.startsWith(`${code}-`)))).toEqual([]);
  });
});

describe('a right pipeline gives this plan', () => {
  it.each(yamls('ok'))('%s', (name) => {
    const { plan, diagnostics } = compileFile('ok', name);
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    compare(join(here, 'ok', name.replace(/yaml$/, 'plan.json')), `${JSON.stringify(sortKeys(plan), null, 2)}\n`);
  });
});

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortKeys(item)]));
}
