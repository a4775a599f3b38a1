// yaml-syntax, duplicate-key: the text is not YAML.
import type { YAMLError } from 'yaml';
import type { Diagnostic } from '../diagnostics.js';
import type { SourceFile } from '../source-file.js';

const hints: Record<string, string> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'align the keys of one map',
  MULTILINE_IMPLICIT_KEY: 'put a text that contains ": " in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a text that contains ": " in quotes',
  MULTIPLE_DOCS: 'a pipeline file holds one document: remove the line `---`',
};

/** The parser's errors as diagnostics. Pure. */
export function yamlSyntax(file: SourceFile, errors: readonly YAMLError[]): Diagnostic[] {
  return errors.map((error) => {
    const [start, end] = error.pos;
    const span = { start, end: Math.max(end, start + 1) };
    if (error.code === 'DUPLICATE_KEY') {
      const name = /^[^\s:]+/.exec(file.text.slice(start))?.[0] ?? '';
      return file.error(
        'duplicate-key',
        { start, end: start + Math.max(1, name.length) },
        `the key \`${name}\` is there twice`,
        { hint: 'remove one of them' },
      );
    }
    const message = error.message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
    return file.error('yaml-syntax', span, `not YAML: ${message}`, { hint: hints[error.code] ?? null });
  });
}
