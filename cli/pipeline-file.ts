// A pipeline file on disk, compiled. The only I/O around the compiler.
import { readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { compile, type CompileOutput } from '../compiler/compile.js';
import type { Diagnostic } from '../compiler/diagnostics.js';
import { decodeText } from '../compiler/encoding.js';
import { formatDiagnostics } from '../compiler/format-diagnostics.js';
import type { FileUse, FoundFile } from '../compiler/rules/rule.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Source } from '../schemas/generated/records.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { knownKinds } from './known-kinds.js';

export interface CompiledFile {
  text: string;
  output: CompileOutput;
  /** Local files that the plan names. */
  files: LocalInput[];
  /** All that the plan was made of. */
  source: Source;
}

/** A local file or folder that goes into the store when the run is submitted. */
export interface LocalInput {
  /** Absolute. */
  path: string;
  use: FileUse;
}

export interface CompileSettings {
  /** Params from outside; text is read by the param's type. */
  set: Record<string, unknown>;
  seed?: number | undefined;
  /** Metrics of the run to compare with. */
  baseline?: Record<string, number | null> | undefined;
}

/** Compiles a file; diagnostics are in the result. Fails with CliError when it cannot be read. */
export async function compileFile(path: string, settings: CompileSettings): Promise<CompiledFile> {
  const { text, problem } = readText(path);
  if (problem !== null) {
    const output = { plan: null, diagnostics: [problem], positions: {}, written: [], texts: new Map([[path, text]]) };
    return { text, output, files: [], source: sourceOf(path, text, settings) };
  }
  const folder = dirname(resolve(path));
  const named = new Map<string, LocalInput>();
  const nameOf = (name: string, use: FileUse): string => `${use}:${name}`;
  const { default: config } = await import('../temporal.config.js');
  const kinds = await knownKinds(config);
  const source = sourceOf(path, text, settings);
  const input = {
    path,
    text,
    set: settings.set,
    seed: settings.seed,
    baseline: settings.baseline,
    kinds,
    queues: config.trainers,
    includes: (name: string): string | null => {
      const included = textAt(resolve(folder, name));
      if (included !== null) source.includes[name] = included;
      return included;
    },
  };
  const first = compile({
    ...input,
    files: (name, use) => {
      const found = lookAt(folder, name);
      if (found !== null) named.set(nameOf(name, use), { path: resolve(folder, name), use });
      return found;
    },
  });
  const files = [...named.values()];
  if (files.length === 0) return { text, output: first, files, source };
  // Now that it is known which files the plan names, their digests.
  const digests = new Map<string, FoundFile>();
  for (const [name, file] of named) {
    const found = await digestOf(folder, file);
    digests.set(name, found);
    source.files[name] = { digest: found.digest, bytes: found.bytes, folder: found.folder };
  }
  const output = compile({ ...input, files: (name, use) => digests.get(nameOf(name, use)) ?? null });
  return { text, output, files, source };
}

const sourceOf = (file: string, text: string, { set, seed, baseline }: CompileSettings): Source => ({
  ...{ schema: 1, file, text, includes: {}, files: {}, set, seed: seed ?? null, baseline: baseline ?? null },
});

/** The text of a file that another inlines; null where there is none. */
function textAt(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** What is there, without a digest; null when nothing is. */
function lookAt(folder: string, name: string): FoundFile | null {
  const path = resolve(folder, name);
  const found = statOf(path);
  if (found === null) return null;
  const [inside, real] = [realpathSync(folder), realpathSync(path)];
  // What is reached without a link is where it was said to be.
  const outside = real !== resolve(inside, name) && real !== inside && !real.startsWith(`${inside}${sep}`);
  return { digest: `sha256:${'0'.repeat(64)}`, bytes: found.size, folder: found.isDirectory(), outside };
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A name too long, a file where a folder should be, a loop of links: there is nothing that can be read.
    if (code !== undefined && code !== 'EACCES') return null;
    throw error;
  }
}

/** With its digest. Why a folder of code cannot be stored becomes a diagnostic; what is data fails with StoreError. */
async function digestOf(folder: string, { path, use }: LocalInput): Promise<FoundFile> {
  const { digestInput } = await import('../store/files.js');
  const { StoreError } = await import('../store/errors.js');
  const seen = lookAt(folder, path);
  if (use === 'code' && seen?.outside === true) return seen;
  try {
    return { ...seen, ...(await digestInput(path, use)) };
  } catch (error) {
    if (use === 'data' || seen === null || !(error instanceof StoreError) || error.failureClass !== 'data') throw error;
    return { ...seen, problem: error.message };
  }
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

/** The warnings about a file that has a plan, each as its author reads it. Pure. */
export const warningsOf = ({ output: { diagnostics, texts } }: CompiledFile): string[] =>
  diagnostics.map((diagnostic) => formatDiagnostics([diagnostic], texts));

/** `2 errors`, `1 error, 1 warning`. Pure. */
export function countOf(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const some = (count: number, what: string): string[] =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`];
  return [...some(errors, 'error'), ...some(warnings, 'warning')].join(', ');
}

function readText(path: string): ReturnType<typeof decodeText> {
  try {
    return decodeText(path, readFileSync(path));
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
