// pawl validate: compiles files and shows every diagnostic. Loads the compiler only.
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';
import { compileFile, countOf } from '../pipeline-file.js';

/** Exit status: invalid when a file has an error, or a warning with --strict. */
export async function validate(paths: string[], options: { strict?: true; json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  let failed = false;
  for (const path of paths) {
    const { output: compiled } = await compileFile(path, { set: {} });
    const { plan, diagnostics } = compiled;
    // A param without default is given when the pipeline is run.
    const shown = diagnostics.filter(({ code }) => code !== 'missing-param');
    const isBad =
      plan === null ? shown.some(({ severity }) => severity === 'error') : options.strict === true && shown.length > 0;
    failed ||= isBad;
    output.record({ type: 'file', file: path, ok: !isBad, diagnostics: shown });
    if (shown.length > 0) output.line(`${formatDiagnostics(shown, compiled.texts)}\n`);
    output.line(`${path}: ${shown.length === 0 ? 'ok' : countOf(shown)}`);
  }
  return failed ? exitCodes.invalid : exitCodes.ok;
}
