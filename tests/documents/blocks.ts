// The fenced blocks of the documents. What stands after `yaml` says what a block is:
//   (nothing)       a whole pipeline, without errors and warnings; or a test file, which passes
//   steps           steps; all of a page are those of one pipeline
//   warns CODE …    a whole pipeline with these warnings
//   inlined         a file that others of the page inline; checked there
//   wrong CODE …    a whole pipeline with these errors; a text block that follows is what is said, byte for byte
// A first line such as `# train.yaml` names the file that a block is: other blocks of the page may use it.
// docs/codes.md is generated: its blocks also say that they inline.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export interface Block {
  /** Place in the documents: page and line. */
  at: string;
  language: string;
  /** What follows the language, as words. */
  words: string[];
  name: string | null;
  text: string;
  /** Text of the block that follows it directly, when that is a text block. */
  output: string | null;
}

/** Every Markdown page at the root and below docs/, by path. */
export function pages(): string[] {
  const ofRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  const ofDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  );
  return [...ofRoot, ...ofDocs.map((name) => `docs/${name.replaceAll('\\', '/')}`)].sort();
}

/** The text of a page. */
export const pageText = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const whole = pageText(page);
  const found = [...whole.matchAll(/^(`{3,})(\w+)([^\n]*)\n([^]*?)^\1$/gm)];
  return found.map((match, index): Block => {
    const [, , language = '', info = '', text = ''] = match;
    const next = found[index + 1];
    const between = next === undefined ? '' : whole.slice(match.index + match[0].length, next.index);
    return {
      at: `${page}:${whole.slice(0, match.index).split('\n').length}`,
      language,
      words: info.trim().split(/\s+/).filter(Boolean), // prettier-ignore
      name: /^# (\S+\.yaml)\n/.exec(text)?.[1] ?? null,
      text,
      output: next?.[2] === 'text' && between.trim() === '' ? (next[4] ?? '') : null,
    };
  });
}
