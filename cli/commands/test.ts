// pawl test: runs the cases of test files with the real interpreter and faked steps, on a virtual clock. Contacts nothing,
// writes nothing but the report that is asked for.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { durationText } from '../../testing/expectation.js';
import { failureLines } from '../../testing/format-case.js';
import { runTests } from '../../testing/run-tests.js';
import type { TestRun } from '../../testing/run-tests.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { junitOf } from '../junit.js';
import type { TestedFile } from '../junit.js';
import { processOutput } from '../output.js';
import type { Output } from '../output.js';
import { compileFile, countOf } from '../pipeline-file.js';
import { textOfTestFile } from '../test-file-text.js';

export interface TestOptions {
  filter?: string;
  junit?: string;
  json?: true;
}

/** Exit status: testFailed when a case fails, invalid when a file or its pipeline is wrong. */
export async function test(paths: string[], options: TestOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const files: TestedFile[] = [];
  for (const path of paths) files.push(await testFile(path, options.filter, output));
  if (options.junit !== undefined) writeFileSync(options.junit, junitOf(files));
  const cases = files.flatMap((file) => file.cases);
  const failed = cases.filter(({ result }) => result.failures.length > 0).length;
  const broken = files.filter((file) => file.broken !== null).length;
  if (cases.length === 0 && broken === 0) {
    throw new CliError(exitCodes.invalid, `no case has "${options.filter ?? ''}" in its name`);
  }
  output.record({ type: 'summary', cases: cases.length, failed, broken });
  output.line(summaryOf(cases.length, failed, broken));
  if (broken > 0) return exitCodes.invalid;
  return failed > 0 ? exitCodes.testFailed : exitCodes.ok;
}

function summaryOf(cases: number, failed: number, broken: number): string {
  const notTested = `${broken} file${broken === 1 ? '' : 's'} could not be tested`;
  if (cases === 0) return notTested;
  const files = broken === 0 ? '' : `; ${notTested}`;
  const outcome = failed === 0 ? 'passed' : `: ${cases - failed} passed, ${failed} failed`;
  return `${cases} case${cases === 1 ? '' : 's'}${failed === 0 ? ' ' : ''}${outcome}${files}`;
}

async function testFile(path: string, filter: string | undefined, output: Output): Promise<TestedFile> {
  const text = textOfTestFile(path);
  const cases: TestedFile['cases'] = [];
  let since = performance.now();
  output.line(path);
  const run = await runTests(
    { path, text, filter },
    async (written, settings) => {
      const file = join(dirname(path), written);
      if (!existsSync(file)) return null;
      const compiled = await compileFile(file, settings);
      since = performance.now();
      return compiled.output;
    },
    (result) => {
      const wallMs = performance.now() - since;
      since = performance.now();
      cases.push({ result, wallMs });
      show(path, text, { result, wallMs }, output);
    },
  );
  const broken = brokenText(run);
  if (broken !== null) output.line(`${broken}\n\n${path}: ${countOf(run.diagnostics)}`);
  output.record({
    type: 'file',
    file: path,
    ok: broken === null && cases.every(({ result }) => result.failures.length === 0),
    diagnostics: run.diagnostics,
    pipelineDiagnostics: run.pipelineDiagnostics,
  });
  return { file: path, cases, broken };
}

function brokenText({ diagnostics, pipelineDiagnostics, texts }: TestRun): string | null {
  if (diagnostics.every(({ severity }) => severity === 'warning')) return null;
  return formatDiagnostics([...diagnostics, ...pipelineDiagnostics], texts);
}

function show(path: string, text: string, { result, wallMs }: TestedFile['cases'][number], output: Output): void {
  const { name, failures, tookMs } = result;
  const wall = `${Math.max(1, Math.round(wallMs))} ms`;
  output.record({ type: 'case', file: path, ok: failures.length === 0, ...result, wallMs: Math.round(wallMs) });
  output.line(`  ${failures.length === 0 ? 'ok  ' : 'FAIL'}  ${name}  (${durationText(tookMs)} in ${wall})`);
  for (const line of failureLines(result, text)) output.line(`        ${line}`);
}
