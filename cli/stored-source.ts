// A plan compiled again from what the store kept of its source, with other params: no file is read.
import { compile } from '../compiler/compile.js';
import { formatDiagnostics } from '../compiler/format-diagnostics.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Source } from '../schemas/generated/records.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { knownKinds } from './known-kinds.js';
import { countOf } from './pipeline-file.js';

/** The plan of a kept source with `set` over what was set then, and its source. Fails with CliError that holds every diagnostic. */
export async function planOfSource(
  config: TemporalConfig,
  before: Source,
  set: Readonly<Record<string, string>>,
): Promise<{ plan: Plan; source: Source }> {
  const source: Source = { ...before, set: { ...before.set, ...set } };
  const { plan, diagnostics, texts } = compile({
    path: source.file,
    text: source.text,
    set: source.set,
    seed: source.seed ?? undefined,
    baseline: source.baseline ?? undefined,
    kinds: await knownKinds(config),
    queues: config.trainers,
    includes: (path) => source.includes[path] ?? null,
    files: (path, use) => source.files[`${use}:${path}`] ?? null,
  });
  if (plan !== null) return { plan, source };
  throw new CliError(
    exitCodes.invalid,
    `${countOf(diagnostics)} in ${source.file}, as it was when the run was submitted\n\n${formatDiagnostics(diagnostics, texts)}`,
  );
}
