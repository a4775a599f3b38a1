// A pipeline file below tests/golden/, compiled: with the options in it, and local files that are always there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { compile } from '../../compiler/compile.js';
import type { CompileInput, CompileOutput } from '../../compiler/compile.js';
import type { FoundFile, Queue } from '../../compiler/rules/rule.js';

const here = import.meta.dirname;
const local: Record<string, FoundFile> = {
  beir: { digest: `sha256:${'b'.repeat(64)}`, bytes: 2048, folder: true },
  train: { digest: `sha256:${'c'.repeat(64)}`, bytes: 4096, folder: true },
  'train.py': { digest: `sha256:${'d'.repeat(64)}`, bytes: 512, folder: false },
  'link-out': { digest: `sha256:${'e'.repeat(64)}`, bytes: 1, folder: true, outside: true },
  'with-link': {
    digest: `sha256:${'f'.repeat(64)}`,
    bytes: 1,
    folder: true,
    problem: 'data.bin in it is a link. Put a copy there.',
  },
  'notes.txt': { digest: `sha256:${'a'.repeat(64)}`, bytes: 12, folder: false },
};

/** Comments may hold options: `# set: lr=abc other=1`. */
function optionsOf(text: string, option: string): Record<string, string> {
  const match = new RegExp(`^# ${option}: (.*)$`, 'm').exec(text);
  const pairs = match?.[1]?.split(' ') ?? [];
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** `# baseline: ndcg=0.3 loss=null`; without it there is none. */
function baselineOf(text: string): Record<string, number | null> | undefined {
  if (!/^# baseline: /m.test(text)) return undefined;
  const values = Object.entries(optionsOf(text, 'baseline'));
  return Object.fromEntries(values.map(([name, value]) => [name, value === 'null' ? null : Number(value)]));
}

/** `# queues: name:gpus:label,label …`; without it the queues are not known. */
function queuesOf(text: string): Queue[] | undefined {
  const match = /^# queues: (.*)$/m.exec(text);
  return match?.[1]?.split(' ').map((item) => {
    const [queue = '', gpus = '0', labels = ''] = item.split(':');
    return { queue, gpus: Number(gpus), labels: labels === '' ? [] : labels.split(',') };
  });
}

/** A local file that is there for every example; null for others. */
export const localFile = (path: string): FoundFile | null => local[posix.normalize(path)] ?? null;

/** The text of a file that an example of a folder inlines: it lies in a folder beside it. Null where there is none. */
export const inlinedFile = (folder: string, path: string): string | null =>
  existsSync(join(here, folder, path)) ? readFileSync(join(here, folder, path), 'utf8') : null;

/** Compiles an example with the options in it. */
export function compileExample(example: Pick<CompileInput, 'path' | 'text' | 'files' | 'includes'>): CompileOutput {
  const { text } = example;
  const given = { set: optionsOf(text, 'set'), queues: queuesOf(text), baseline: baselineOf(text) };
  return compile({ ...example, ...given });
}

/** Compiles tests/golden/<folder>/<name>. */
export function compileGolden(folder: string, name: string): CompileOutput & { text: string } {
  const text = readFileSync(join(here, folder, name), 'utf8');
  const includes = (path: string): string | null => inlinedFile(folder, path);
  return { ...compileExample({ path: name, text, files: localFile, includes }), text };
}

/** The names of the pipeline files of a folder, sorted. */
export const goldenFiles = (folder: string): string[] =>
  readdirSync(join(here, folder)).filter((name) => name.endsWith('.yaml')).sort(); // prettier-ignore
