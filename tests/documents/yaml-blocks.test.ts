// Every YAML block of the documents is what it says it is: compiled, run in one process, or wrong as it is told.
import { statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import type { FileLookup } from '../../compiler/rules/rule.js';
import { compileExample, inlinedFile, localFile } from '../golden/golden-file.js';
import { runFile, textOf } from '../testing/run-file.js';
import type { Block } from './blocks.js';
import { blocksOf, pages } from './blocks.js';

const pipelines = join(import.meta.dirname, '..', '..', 'pipelines');

/** Local files are those of pipelines/, where a reader would put the text, and those of the examples of codes. */
const files: FileLookup = (path) => {
  const found =
    statSync(join(pipelines, path), { throwIfNoEntry: false }) ??
    statSync(join(pipelines, 'tutorial', path), { throwIfNoEntry: false });
  if (found !== undefined)
    return { digest: `sha256:${'0'.repeat(64)}`, bytes: found.size, folder: found.isDirectory() };
  return localFile(posix.normalize(path) === 'folder' ? 'beir' : path);
};

interface Page {
  blocks: Block[];
  named: Record<string, string>;
}

function readPage(page: string): Page {
  const blocks = blocksOf(page).filter(({ language }) => language === 'yaml');
  return {
    blocks,
    named: Object.fromEntries(blocks.flatMap(({ name, text }) => (name === null ? [] : [[name, text]]))),
  };
}

/** What is said about a text: as its author reads it, and which codes. */
function said(path: string, text: string, named: Page['named']): { output: string; codes: string[] } {
  const includes = (name: string): string | null =>
    named[posix.normalize(name)] ?? inlinedFile('err', name) ?? inlinedFile('right', name);
  const { diagnostics, texts } = compileExample({ path, text, files, includes });
  const codes = [
    ...new Set(diagnostics.map(({ code, severity }) => (severity === 'warning' ? `warns ${code}` : code))),
  ];
  return { output: formatDiagnostics(diagnostics, texts), codes: codes.sort() };
}

const isTest = ({ name }: Block): boolean => name?.endsWith('.test.yaml') === true;
const first = ({ words }: Block): string => words[0] ?? '';
const all = pages().map((page) => ({ page, ...readPage(page) })).filter(({ blocks }) => blocks.length > 0); // prettier-ignore

/** A test of blocks, where a page has some. */
function itFor(blocks: Block[], title: string, test: () => void | Promise<void>): void {
  if (blocks.length > 0) it(title, test);
}

describe.each(all)('$page', ({ page, blocks, named }) => {
  it('says of every block what it is', () => {
    const known = ['', 'steps', 'warns', 'wrong', 'inlined', ...(page === 'docs/codes.md' ? ['inlines'] : [])];
    expect(blocks.filter((block) => !known.includes(first(block))).map(({ at, words }) => [at, ...words])).toEqual([]);
  });

  const inlined = blocks.filter((block) => first(block) === 'inlined' && page !== 'docs/codes.md');
  itFor(inlined, 'has files that others of the page use', () => {
    const isUsed = (name: string): boolean => blocks.some(({ text }) => text.includes(`uses: ./${name}`));
    expect(inlined.filter(({ name }) => name === null || !isUsed(name)).map(({ at }) => at)).toEqual([]);
  });

  const whole = blocks.filter((block) => ['', 'inlines'].includes(first(block)) && !isTest(block));
  itFor(whole, 'has pipelines that compile without a word', () => {
    const allowed = page === 'docs/codes.md' ? ['warns not-yet'] : []; // an example may use what is checked but not run yet
    for (const { at, name, text } of whole) {
      const { output, codes } = said(name ?? page, text, named);
      expect(codes.filter((code) => !allowed.includes(code)), `${at}\n${output}`).toEqual([]); // prettier-ignore
    }
  });

  const warned = blocks.filter((block) => first(block) === 'warns');
  itFor(warned, 'has pipelines with the warnings that it names', () => {
    for (const { at, name, text, words } of warned) {
      const { output, codes } = said(name ?? page, text, named);
      expect(codes, `${at}\n${output}`).toEqual(words.slice(1).map((code) => `warns ${code}`).sort()); // prettier-ignore
    }
  });

  const wrong = blocks.filter((block) => first(block) === 'wrong');
  itFor(wrong, 'has wrong pipelines about which exactly this is said', () => {
    for (const { at, name, text, words, output: shown } of wrong) {
      const path = name ?? /(?<!\S)([\w-]+\.yaml)\b/.exec(shown ?? '')?.[1] ?? page;
      const { output, codes } = said(path, text, named);
      if (page !== 'docs/codes.md') expect(codes, at).toEqual(words.slice(1).sort());
      expect(codes.length, at).toBeGreaterThan(0);
      if (shown !== null) expect(`${output}\n`, at).toBe(shown);
    }
  });

  const steps = blocks.filter((block) => first(block) === 'steps');
  itFor(steps, 'has steps that make one pipeline', () => {
    const lines = steps.flatMap(({ text }) => text.trimEnd().split('\n')).map((line) => `  ${line}`);
    expect(said(page, ['pawl: 1', 'name: steps', 'steps:', ...lines, ''].join('\n'), named).output).toBe('');
  });

  const tests = blocks.filter(isTest);
  itFor(tests, 'has test files that pass', async () => {
    for (const { at, name } of tests) {
      const run = await runFile(named, name ?? '');
      expect([run.diagnostics, run.cases.flatMap(({ failures }) => failures)], `${at}\n${textOf(run)}`).toEqual([
        [],
        [],
      ]);
      expect(run.cases.length, at).toBeGreaterThan(0);
    }
  });
});

it('the pages with examples are all looked at', () => {
  const expected = ['README.md', 'docs/codes.md', 'docs/command.md', 'docs/language.md', 'docs/reference/steps.md', 'docs/testing-pipelines.md', 'docs/tutorial.md']; // prettier-ignore
  expect(all.map(({ page }) => page)).toEqual(expect.arrayContaining(expected));
});
