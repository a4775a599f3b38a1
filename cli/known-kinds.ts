// The step kinds that pipelines of this installation may use: Pawl's own and those of temporal.config.ts.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TemporalConfig } from '../schemas/config.js';
import { stepKinds } from '../schemas/generated/kinds.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

/** Declarations by name. Fails with CliError that shows every fault of every declaration. */
export async function knownKinds({
  kinds,
  packageRoot,
}: Pick<TemporalConfig, 'kinds' | 'packageRoot'>): Promise<Record<string, StepKind>> {
  if (kinds.length === 0) return stepKinds;
  const [{ KindError, locate }, { readDeclaration }, { formatDiagnostics }] = await Promise.all([
    import('../activities/user-kinds.js'),
    import('../compiler/kind-declaration.js'),
    import('../compiler/format-diagnostics.js'),
  ]);
  const known = { ...stepKinds };
  const taken = new Map(Object.keys(stepKinds).map((kind) => [kind, 'it is one of Pawl']));
  const faults: string[] = [];
  for (const { declaration } of kinds) {
    try {
      const path = locate(declaration, packageRoot);
      const text = readFileSync(path, 'utf8');
      const shown = relative('.', path);
      const { kind, diagnostics } = readDeclaration(shown, text, taken);
      if (kind === null) faults.push(formatDiagnostics(diagnostics, new Map([[shown, text]])));
      else {
        known[kind.kind] = kind;
        taken.set(kind.kind, `${shown} declares it`);
      }
    } catch (error) {
      if (!(error instanceof KindError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length === 0) return known;
  throw new CliError(
    exitCodes.invalid,
    `the step kinds of temporal.config.ts are not in order\n\n${faults.join('\n\n')}`,
  );
}
