// What the documents show is true: the pipeline of the README compiles, as do all runnable examples.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { failureClasses } from '../schemas/generated/kinds.js';
import { compileFile } from '../cli/pipeline-file.js';
import { compile } from '../compiler/compile.js';
import type { FileLookup } from '../compiler/rules/rule.js';
import { formatDiagnostics } from '../compiler/format-diagnostics.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Local files are looked for in pipelines/, where a reader would put the text. */
const besidePipelines: FileLookup = (path) => {
  const found = statSync(join(root, 'pipelines', path), { throwIfNoEntry: false });
  return found === undefined ? null : { digest: `sha256:${'0'.repeat(64)}`, bytes: 0, folder: found.isDirectory() };
};

/** Diagnostics of a pipeline as its author would read them; '' when there are none. */
function complaints(path: string, text: string): string {
  const { diagnostics, texts } = compile({ path, text, set: {}, files: besidePipelines });
  return formatDiagnostics(diagnostics, texts);
}

/** The same for a file with the local files that it names. */
async function complaintsOfFile(path: string): Promise<string> {
  const { diagnostics, texts } = (await compileFile(path, { set: {} })).output;
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

describe('the page on commands', () => {
  const page = readFileSync(join(root, 'docs', 'command.md'), 'utf8');

  it('shows a pipeline that compiles clean', () => {
    const [block] = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text]) => text ?? '');
    expect(complaints('docs/command.md', block ?? '')).toBe('');
  });

  it('names the exit codes of the table', () => {
    const named = [...page.matchAll(/^\| (\d+)\D.*\| `(\w+)` \| (yes|no) \|$/gm)];
    for (const [, code, name, retried] of named) {
      const entry = Object.entries(failureClasses).find(([, { exitCode }]) => exitCode === Number(code));
      expect([code, name, retried]).toEqual([code, entry?.[0], entry?.[1].retryable === true ? 'yes' : 'no']);
    }
    expect(named).toHaveLength(8);
  });
});

describe('the pipelines', () => {
  const files = readdirSync(join(root, 'pipelines')).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));

  it.each(files)('%s compiles clean', async (name) => {
    expect(await complaintsOfFile(join(root, 'pipelines', name))).toBe('');
  });
});
