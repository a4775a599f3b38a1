// pawl validate: compiles files and shows every diagnostic. Loads the compiler only.
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import type { Texts } from '../../compiler/format-diagnostics.js';
import type { Diagnostic } from '../../compiler/diagnostics.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { compileFile, countOf } from '../pipeline-file.js';
import { textOfTestFile } from '../test-file-text.js';

export interface ValidateOptions {
  strict?: true;
  format: string;
  json?: true;
}

/** A file with what is said about it. */
export interface CheckedFile {
  file: string;
  ok: boolean;
  diagnostics: Diagnostic[];
  texts: Texts;
}

type Report = (files: CheckedFile[], version: string) => string[] | Promise<string[]>;

/** The formats; each gives the lines that are written. */
const reports: Record<string, Report> = {
  text: textLines,
  json: jsonLines,
  github: async (files) => (await import('../github-annotations.js')).githubLines(files),
  sarif: async (files, version) => [JSON.stringify((await import('../sarif.js')).sarifLog(files, version), null, 2)],
};

/** Exit status: invalid when a file has an error or cannot be read, or has a warning with --strict. */
export async function validate(paths: string[], options: ValidateOptions & { version: string }): Promise<number> {
  const format = options.json === true ? 'json' : options.format;
  const report = Object.hasOwn(reports, format) ? reports[format] : undefined;
  if (report === undefined)
    throw new CliError(exitCodes.invalid, `--format is text, json, github or sarif, and got \`${format}\``);
  const files: CheckedFile[] = [];
  for (const path of paths) files.push(await check(path, options.strict === true));
  for (const line of await report(files, options.version)) process.stdout.write(`${line}\n`);
  return files.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.invalid;
}

async function check(file: string, strict: boolean): Promise<CheckedFile> {
  const { diagnostics, texts } = await diagnose(file);
  // A param without default is given when the pipeline is run.
  const shown = diagnostics.filter(({ code }) => code !== 'missing-param');
  const ok = shown.every(({ severity }) => severity === 'warning' && !strict);
  return { file, ok, diagnostics: shown, texts };
}

/** A file that cannot be read must not hide what is wrong with the others. */
async function diagnose(file: string): Promise<{ diagnostics: Diagnostic[]; texts: Texts }> {
  try {
    if (/\.test\.ya?ml$/.test(file)) return await diagnoseTestFile(file);
    return (await compileFile(file, { set: {} })).output;
  } catch (error) {
    if (!(error instanceof Error) || !['CliError', 'StoreError'].includes(error.name)) throw error;
    const at = { file, line: 0, column: 0, endLine: 0, endColumn: 0 };
    const message = error.message.replace(`${file}: `, '');
    const unreadable: Diagnostic = { code: 'file-not-found', severity: 'error', message, at, related: [], hint: null };
    return { diagnostics: [unreadable], texts: new Map() };
  }
}

/** A test file is checked by itself; whether it fits its pipeline, and whether that passes, is for `pawl test`. */
async function diagnoseTestFile(file: string): Promise<{ diagnostics: Diagnostic[]; texts: Texts }> {
  const { parseTestFile } = await import('../../testing/test-file.js');
  const text = textOfTestFile(file);
  return { diagnostics: parseTestFile(file, text).diagnostics, texts: new Map([[file, text]]) };
}

function textLines(files: CheckedFile[]): string[] {
  return files.flatMap(({ file, diagnostics, texts }) =>
    diagnostics.length === 0
      ? [`${file}: ok`]
      : [`${formatDiagnostics(diagnostics, texts)}\n`, `${file}: ${countOf(diagnostics)}`],
  );
}

/** schemas/cli/validate-record.schema.json, docs/reference/cli-json.md. */
function jsonLines(files: CheckedFile[]): string[] {
  const all = files.flatMap(({ diagnostics }) => diagnostics);
  const count = (severity: Diagnostic['severity']): number => all.filter((item) => item.severity === severity).length;
  const summary = {
    ...{ type: 'summary', ok: files.every(({ ok }) => ok), files: files.length },
    ...{ errors: count('error'), warnings: count('warning') },
  };
  const records = files.map(({ file, ok, diagnostics }) => ({ type: 'file', file, ok, diagnostics }));
  return [...records, summary].map((record) => JSON.stringify(record));
}
