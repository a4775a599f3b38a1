// What the pages say in words and tables is true: keys, commands, exit codes. (Their YAML: yaml-blocks.test.ts.)
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../cli/program.js';
import { failureClasses } from '../../schemas/generated/kinds.js';
import { pipelineSchema } from '../../schemas/generated/pipeline-schema.js';
import { blocksOf, pageText } from './blocks.js';

describe('the README', () => {
  it('shows a pipeline of about thirty lines', () => {
    const blocks = blocksOf('README.md').filter(({ language }) => language === 'yaml');
    expect(blocks).toHaveLength(1);
    expect(blocks[0]?.text.split('\n').length).toBeLessThanOrEqual(32);
  });

  it('names every command', () => {
    const commands = buildProgram('0', () => undefined).commands.map((command) => command.name());
    const shown = pageText('README.md');
    expect(commands.filter((name) => !new RegExp(`pawl ${name}\\b`).test(shown))).toEqual([]);
  });
});

describe('the page on the language', () => {
  const page = pageText('docs/language.md');

  it('names every key that may be written', () => {
    const keys = keysOf(pipelineSchema);
    expect(keys.length).toBeGreaterThan(60);
    expect(keys.filter((key) => !new RegExp(`(?<![\\w-])${key}(?![\\w-])`).test(page))).toEqual([]);
  });

  it('names every failure class, where it is tried again or not', () => {
    const row = /^\| tried again \| not tried again \|\n\|[-|]+\|\n\|(.*)\|(.*)\|$/m.exec(page);
    const named = [row?.[1] ?? '', row?.[2] ?? ''].map((cell) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    const classes = Object.entries(failureClasses);
    const wanted = [true, false].map((again) =>
      classes.filter(([, { retryable }]) => retryable === again).map(([name]) => name),
    );
    expect(named).toEqual(wanted);
  });

  it('has every link of its list of contents', () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, text = '']) => anchorOf(text));
    const linked = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(linked.filter((anchor) => !headings.includes(anchor ?? ''))).toEqual([]);
    expect(headings.filter((anchor) => !linked.includes(anchor))).toEqual([]);
  });
});

describe('the page on commands', () => {
  it('names the exit codes of the table', () => {
    const named = [...pageText('docs/command.md').matchAll(/^\| (\d+)\D.*\| `(\w+)` \| (yes|no) \|$/gm)];
    for (const [, code, name, retried] of named) {
      const entry = Object.entries(failureClasses).find(([, { exitCode }]) => exitCode === Number(code));
      expect([code, name, retried]).toEqual([code, entry?.[0], entry?.[1].retryable === true ? 'yes' : 'no']);
    }
    expect(named).toHaveLength(8);
  });
});

describe('the page on operating', () => {
  it('has the table of failure classes, with their hints', () => {
    const rows = [...pageText('docs/operating.md').matchAll(/^\| `(\w+)` \| (yes|no) \| (.*) \|$/gm)];
    const wanted = Object.entries(failureClasses).map(([name, { retryable, hint }]) => [
      name,
      retryable ? 'yes' : 'no',
      hint,
    ]);
    expect(rows.map(([, ...cells]) => cells)).toEqual(wanted);
  });
});

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\w\s-]/g, '').trim().replaceAll(' ', '-'); // prettier-ignore

/** The names of all properties of a schema, each once. */
function keysOf(schema: unknown): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { properties } = value as { properties?: object };
    if (typeof properties === 'object') for (const key of Object.keys(properties)) found.add(key);
    for (const below of Object.values(value)) visit(below);
  };
  visit(schema);
  return [...found].sort();
}
