// pawl conform: runs a program of `uses: command` outside of any pipeline, stops it at the points that matter, and says
// whether its work survives.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { KindInput, LocalFile } from '../../activities/kind.js';
import { CliError } from '../cli-error.js';
import { conformance, type Check } from '../conform/checks.js';
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';

export interface ConformOptions {
  set: Record<string, string>;
  artifact: Record<string, string>;
  output: string[];
  code?: string;
  env: string[];
  seed?: number;
  every: string;
  timeout?: number;
  keep?: true;
  json?: true;
}

const defaultTimeoutMs = 300_000;
const graceMs = 12_000;

/** Exit status: ok when every check is, stepFailed otherwise. */
export async function conform(program: string[], options: ConformOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const unset = options.env.filter((name) => process.env[name] === undefined);
  if (unset.length > 0) throw new CliError(exitCodes.invalid, `--env names ${unset.join(', ')}, which is not set here`);
  const config = await loadConfig();
  const root = mkdtempSync(join(tmpdir(), 'pawl-conform-'));
  const say = (check: Check): void => {
    output.record({ type: 'check', ...check });
    output.line(`${check.state.padEnd(9)}  ${check.name.padEnd(38)}  ${check.detail}`);
  };
  try {
    const checks = await conformance(
      {
        ...codeOf(options.code),
        argv: program.map(placed),
        inputs: inputsOf(options),
        outputs: options.output.length === 0 ? ['model'] : options.output,
        seed: options.seed ?? 0,
        everySteps: everyOf(options.every),
        env: options.env,
        binFolder: isAbsolute(config.trainer.python) ? dirname(config.trainer.python) : null,
        timeoutMs: options.timeout ?? defaultTimeoutMs,
        ...{ graceMs, root },
      },
      say,
    );
    const isConforming = checks.every(({ state }) => state === 'ok');
    const exitCode = isConforming ? exitCodes.ok : exitCodes.stepFailed;
    output.record({ type: 'end', conforms: isConforming, exitCode });
    output.line(verdict(checks));
    return exitCode;
  } finally {
    if (options.keep === true) output.line(`Everything that it wrote is in ${root}`);
    else rmSync(root, { recursive: true, force: true });
  }
}

function verdict(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'fails').length;
  const open = checks.filter(({ state }) => state === 'not tried').length;
  if (failed === 0 && open === 0) return '\nIt conforms: interrupted anywhere, it ends as if it had not been.';
  return `\nIt does not conform yet: ${failed} failed, ${open} not tried. docs/command.md says what is asked of it.`;
}

/** The program runs in a folder of its own: a relative path that leads to a file from here is made absolute. */
const placed = (argument: string): string =>
  !isAbsolute(argument) && existsSync(argument) && statSync(argument).isFile() ? resolve(argument) : argument;

function codeOf(path: string | undefined): { code: LocalFile | null; codeFile: string | null } {
  if (path === undefined) return { code: null, codeFile: null };
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CliError(exitCodes.invalid, `--code names ${path}, which is not there`);
  const code = { path: resolve(path), digest: '' };
  return { code, codeFile: found.isDirectory() ? null : basename(path) };
}

/** Values as JSON where they are, else as text; artifacts as a worker hands them over. */
function inputsOf({ set, artifact }: ConformOptions): Record<string, KindInput> {
  const values = Object.entries(set).map(([name, text]): [string, KindInput] => [name, valueOf(text)]);
  const artifacts = Object.entries(artifact).map(([name, path]): [string, KindInput] => {
    if (!existsSync(path))
      throw new CliError(exitCodes.invalid, `--artifact ${name} names ${path}, which is not there`);
    return [name, { path: resolve(path), identity: `local:${name}`, type: 'folder' }];
  });
  return Object.fromEntries([...values, ...artifacts]);
}

function valueOf(text: string): KindInput {
  try {
    return JSON.parse(text) as KindInput;
  } catch {
    return text;
  }
}

function everyOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new CliError(exitCodes.invalid, `--every takes a number of steps, and got \`${text}\``);
}
