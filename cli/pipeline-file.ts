// A pipeline file on disk, compiled. The only I/O around the compiler.
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { compile, type CompileOutput } from '../compiler/compile.js';
import type { Diagnostic } from '../compiler/diagnostics.js';
import { formatDiagnostics } from '../compiler/format-diagnostics.js';
import type { Plan } from '../schemas/generated/plan.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

export interface CompiledFile {
  text: string;
  output: CompileOutput;
  /** Local files that the plan names: path as written -> absolute path. */
  files: Map<string, string>;
}

export interface CompileSettings {
  set: Record<string, string>;
  seed?: number | undefined;
}

/** Compiles a file; diagnostics are in the result. Fails with CliError when it cannot be read. */
export async function compileFile(path: string, settings: CompileSettings): Promise<CompiledFile> {
  const text = readText(path);
  const folder = dirname(resolve(path));
  const files = new Map<string, string>();
  const input = { path, text, set: settings.set, seed: settings.seed };
  const first = compile({
    ...input,
    files: (name) => {
      const absolute = resolve(folder, name);
      const found = statSync(absolute, { throwIfNoEntry: false });
      if (found === undefined) return null;
      files.set(name, absolute);
      return { digest: `sha256:${'0'.repeat(64)}`, bytes: found.size, folder: found.isDirectory() };
    },
  });
  if (files.size === 0) return { text, output: first, files };
  // Now that it is known which files the plan names, their digests.
  const { digestInput } = await import('../store/files.js');
  const digests = new Map<string, Awaited<ReturnType<typeof digestInput>>>();
  for (const [name, absolute] of files) digests.set(name, await digestInput(absolute));
  return { text, output: compile({ ...input, files: (name) => digests.get(name) ?? null }), files };
}

/** The plan of a file. Fails with CliError whose message holds every diagnostic. */
export async function planOfFile(path: string, settings: CompileSettings): Promise<CompiledFile & { plan: Plan }> {
  const compiled = await compileFile(path, settings);
  const { plan, diagnostics } = compiled.output;
  if (plan !== null) return { ...compiled, plan };
  throw new CliError(
    exitCodes.invalid,
    `${countOf(diagnostics)} in ${path}\n\n${formatDiagnostics(diagnostics, compiled.output.texts)}`,
  );
}

/** `2 errors`, `1 error, 1 warning`. Pure. */
export function countOf(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const some = (count: number, what: string): string[] =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`];
  return [...some(errors, 'error'), ...some(warnings, 'warning')].join(', ');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const fact =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a folder'
          : `it cannot be read (${code ?? 'unknown'})`;
    throw new CliError(exitCodes.invalid, `${path}: ${fact}. Name a pipeline file, such as pipelines/quickstart.yaml.`);
  }
}
