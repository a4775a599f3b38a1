// What the documents show is true: the pipeline of the README compiles, as do all runnable examples.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compile } from '../compiler/compile.js';
import { formatDiagnostics } from '../compiler/format-diagnostics.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Diagnostics of a pipeline as its author would read them; '' when there are none. */
function complaints(path: string, text: string): string {
  const { diagnostics, texts } = compile({ path, text, set: {}, files: () => null });
  return formatDiagnostics(diagnostics, texts);
}

describe('the README', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  it('shows a pipeline of about thirty lines that compiles clean', () => {
    const blocks = [...readme.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text]) => text ?? '');
    expect(blocks).toHaveLength(1);
    expect(blocks[0]?.split('\n').length).toBeLessThanOrEqual(32);
    expect(complaints('README.md', blocks[0] ?? '')).toBe('');
  });
});

describe('the pipelines', () => {
  const files = readdirSync(join(root, 'pipelines')).filter((name) => name.endsWith('.yaml'));

  it.each(files)('%s compiles clean', (name) => {
    expect(complaints(name, readFileSync(join(root, 'pipelines', name), 'utf8'))).toBe('');
  });
});
