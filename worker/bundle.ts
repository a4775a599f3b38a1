// The workflow bundle: the interpreter as one file for Temporal's sandbox, made at build time.
import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';

const here = dirname(fileURLToPath(import.meta.url));

/** The file that exports the workflows, compiled or as source. */
export function workflowsPath(): string {
  const compiled = join(here, '..', 'workflows', 'index.js');
  return existsSync(compiled) ? compiled : join(here, '..', 'workflows', 'index.ts');
}

/** The file that says how failures are written where a payload codec is set. */
export function failureConverterPath(): string {
  const compiled = join(here, '..', 'workflows', 'encoded-failures.js');
  return existsSync(compiled) ? compiled : join(here, '..', 'workflows', 'encoded-failures.ts');
}

/**
 * The SDK takes a stack trace of every promise that a workflow makes; ten frames of each, as V8 has it, were a fifth of what a
 * step costs. Two of these four are the SDK's own. Set before the sandbox freezes `Error`.
 */
const limitStackTraces = 'Error.stackTraceLimit = 4; ';

/** Bundles the workflows into `path`. Fails when workflow code reaches for something that the sandbox does not have. */
export async function bundleTo(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, await workflowBundle(quiet));
}

/** The code of the bundle, with its source map. */
export async function workflowBundle(logger: Logger): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath: workflowsPath(), logger });
  return limitStackTraces + code; // on the first line: the lines of the source map stay right
}

const nothing = (): void => undefined;
const quiet: Logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
