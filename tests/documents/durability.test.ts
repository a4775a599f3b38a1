// Every promise of docs/durability.md and docs/security.md names a test that exists.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageText } from './blocks.js';

const root = join(import.meta.dirname, '..', '..');

/** The rows of a page's tables, without headings. */
const rowsOf = (page: string): string[][] =>
  pageText(page)
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-| ]+\|$/.test(line) && !line.startsWith('| promise |'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

describe.each(['durability', 'security'])('the page on %s', (page) => {
  const rows = rowsOf(`docs/${page}.md`);
  it('has promises', () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  it.each(rows.map(([, promise = '', held = '']) => [promise, held]))('%s: is held by tests that exist', (_, held) => {
    const named = [...held.matchAll(/\]\(\.\.\/(tests\/[^)]+)\) “([^”]+)”/g)].map(([, file = '', title = '']) => ({
      file,
      title,
    }));
    expect(named).toHaveLength(held.split('<br>').length);
    expect(named.filter((test) => !isThere(test))).toEqual([]);
  });
});

/** Whether a test file has a test of this title; `test.each` titles are given as they are written. */
function isThere({ file, title }: { file: string; title: string }): boolean {
  const path = join(root, file);
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8').replaceAll("\\'", "'");
  return file.endsWith('.py')
    ? text.includes(`def ${title}(`)
    : [`'`, '"', '`'].some((quote) => text.includes(`${quote}${title}${quote}`));
}
