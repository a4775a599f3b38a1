// Every code is explained: schemas/codes/<code>.json with its texts, a wrong example of err/ and right/<code>.yaml.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnosticCodes } from '../../compiler/diagnostics.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { codeTexts } from '../../schemas/generated/codes.js';
import { compileGolden, goldenFiles } from './golden-file.js';

const root = join(import.meta.dirname, '../..');
const entries = readdirSync(join(root, 'schemas', 'codes')).map((name) => name.replace(/\.json$/, ''));

describe('the codes of diagnostics', () => {
  it('are all explained', () => {
    const missing = diagnosticCodes.filter((code) => !entries.includes(code));
    const recipe = 'CONTRIBUTING.md, "To add a diagnostic", says how: write schemas/codes/<code>.json and npm run generate';
    expect(missing, recipe).toEqual([]);
  });

  it('are explained only where they exist', () => {
    expect(entries.filter((code) => !(diagnosticCodes as readonly string[]).includes(code))).toEqual([]);
    expect(codeTexts.map(({ code }) => code)).toEqual([...entries].sort());
  });

  it('have the severity that their explanation says', () => {
    const seen = new Map<string, Set<string>>();
    for (const name of goldenFiles('err'))
      for (const { code, severity } of compileGolden('err', name).diagnostics)
        seen.set(code, (seen.get(code) ?? new Set()).add(severity));
    for (const { code, severity } of codeTexts)
      expect([...(seen.get(code) ?? [])].sort(), code).toEqual(severity === 'both' ? ['error', 'warning'] : [severity]);
  });
});

describe('the examples of', () => {
  it.each(codeTexts)('$code: wrong and right', ({ code, wrong, output, right }) => {
    expect(existsSync(join(import.meta.dirname, 'right', `${code}.yaml`))).toBe(true);
    const { diagnostics, text, texts, plan } = compileGolden('right', `${code}.yaml`);
    // What is checked but not run yet is right all the same.
    const shown = diagnostics.filter((item) => item.code !== 'not-yet' || item.severity === 'error');
    expect(formatDiagnostics(shown, texts)).toBe('');
    expect(plan).not.toBeNull();
    expect(text, 'npm run generate').toBe(right);
    expect(output).toContain(`[${code}]`);
    expect(wrong).not.toBe(right);
  });

  it('right files belong to a code', () => {
    expect(goldenFiles('right').map((name) => name.replace(/\.yaml$/, ''))).toEqual([...entries].sort());
  });
});
