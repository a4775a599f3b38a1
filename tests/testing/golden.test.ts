// Golden pairs: golden/<case>.test.yaml with the exact text a user sees. PAWL_UPDATE_GOLDEN=1 rewrites them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFile, textOf } from './run-file.js';

const folder = join(import.meta.dirname, 'golden');
const names = readdirSync(folder).filter((name) => name.endsWith('.test.yaml'));

describe('what a test file with faults is told', () => {
  it.each(names)('%s', async (name) => {
    const actual = `${textOf(await runFile(folder, name))}\n`;
    const path = join(folder, name.replace(/test\.yaml$/, 'out'));
    if (process.env.PAWL_UPDATE_GOLDEN === '1') writeFileSync(path, actual);
    expect(existsSync(path), `${path} is missing; npm run golden:update writes it`).toBe(true);
    expect(actual).toBe(readFileSync(path, 'utf8'));
  });
});
