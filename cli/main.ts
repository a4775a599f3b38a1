// Entry of the `pawl` command: parses, runs, and turns every error into a message and an exit status.
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { buildProgram } from './program.js';

let exitCode: number = exitCodes.ok;
const program = buildProgram(versionOfPackage(), (code) => {
  exitCode = code;
});
// A reader that goes away (`| head`) ends the command quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCode);
});
try {
  await program.parseAsync(process.argv);
} catch (error) {
  exitCode = report(error);
}
// Connections that are closing must not hold up the shell; output is flushed first.
process.stdout.write('', () => process.exit(exitCode));

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
  const { code, message } = facts(error);
  if (wantsJson(process.argv)) process.stdout.write(`${JSON.stringify({ type: 'error', exitCode: code, message })}\n`);
  else process.stderr.write(`pawl: ${message}\n`);
  return code;
}

/** A function, and no constant: the program above runs before a constant down here has its value. */
function wantsJson(args: readonly string[]): boolean {
  return args.some(
    (arg, index) => arg === '--json' || arg === '--format=json' || (arg === 'json' && args[index - 1] === '--format'),
  );
}

function facts(error: unknown): { code: number; message: string } {
  if (error instanceof CliError) return { code: error.exitCode, message: error.message };
  if (!(error instanceof Error)) return { code: exitCodes.internal, message: String(error) };
  const known = ['LocalError', 'StoreError', 'MlflowError'].includes(error.name);
  if (known) return { code: exitCodes.internal, message: error.message };
  return { code: exitCodes.internal, message: `Internal error: ${error.message}\n${error.stack ?? ''}` };
}

function versionOfPackage(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
