// A test file run as `pawl test` runs it, and the text that a person would see, without the time of the machine.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compile } from '../../compiler/compile.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import type { FoundFile } from '../../compiler/rules/rule.js';
import { durationText } from '../../testing/expectation.js';
import { failureLines } from '../../testing/format-case.js';
import { runTests } from '../../testing/run-tests.js';
import type { CompilePipeline, TestRun } from '../../testing/run-tests.js';

/** Files in a folder, or those given by name. */
export type Files = string | Record<string, string>;

const contentOf = (files: Files, path: string): string | null => {
  if (typeof files !== 'string') return files[path.replace(/^\.\//, '')] ?? null;
  return existsSync(join(files, path)) ? readFileSync(join(files, path), 'utf8') : null;
};

const noDigest = `sha256:${'0'.repeat(64)}`;

/** Compiles pipelines among some files. */
export const compileAmong =
  (files: Files): CompilePipeline =>
  async (path, { set, seed }) => {
    const text = contentOf(files, path);
    if (text === null) return null;
    const includes = (name: string): string | null => contentOf(files, join(dirname(path), name));
    const isThere = (name: string): FoundFile | null =>
      includes(name) === null ? null : { digest: noDigest, bytes: 1, folder: false };
    return compile({ path: path.replace(/^\.\//, ''), text, set, seed, files: isThere, includes });
  };

/** Runs the test file of that name. */
export async function runFile(files: Files, name: string, filter?: string): Promise<TestRun & { text: string }> {
  const text = contentOf(files, name);
  if (text === null) throw new Error(`there is no ${name}`);
  return { ...(await runTests({ path: name, text, filter }, compileAmong(files))), text };
}

/** What a person sees of it. */
export function textOf({ diagnostics, pipelineDiagnostics, texts, cases, text }: TestRun & { text: string }): string {
  const wrong = [...diagnostics, ...pipelineDiagnostics];
  const lines = cases.flatMap((result) => [
    `${result.failures.length === 0 ? 'ok' : 'FAIL'}  ${result.name}  (${durationText(result.tookMs)})`,
    ...failureLines(result, text).map((line) => `      ${line}`),
  ]);
  return [...(wrong.length === 0 ? [] : [formatDiagnostics(wrong, texts)]), ...lines].join('\n');
}

const pipelineText = `pawl: 1
name: small
params:
  turns: { type: integer, default: 3 }
  bar: { type: number, default: 0.5 }
defaults: { retry: { attempts: 3, backoff: 1m } }
steps:
`;

/** A pipeline of these steps and a test file of these cases; what a person sees of it. */
export async function run(steps: string, cases: string, more = ''): Promise<string> {
  const indent = (text: string): string => text.trim().replace(/^/gm, '  ');
  const files = {
    'p.yaml': `${pipelineText}${indent(steps)}\n${more}`,
    't.yaml': `pipeline: ./p.yaml\ncases:\n${indent(cases)}\n`,
  };
  return textOf(await runFile(files, 't.yaml'));
}
