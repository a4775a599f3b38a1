// Calls of commands as the compiler and the interpreter make them, with code that is written on the spot.
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { InputValue, StepCall } from '../../../activities/calls.js';
import { commandVersion } from '../../../schemas/command.js';
import { deriveStep } from '../../../schemas/derivation.js';
import type { ArtifactType, PlanKind } from '../../../schemas/generated/plan.js';
import { putInput } from '../../../store/files.js';
import type { Bench } from '../bench.js';

export interface TestCommand {
  run: (string | InputValue)[];
  shell?: boolean;
  /** Files by path; one that is named `only` is stored as a single file. */
  code?: Record<string, string>;
  file?: string;
  env?: string[];
  outputs?: Record<string, ArtifactType>;
  metrics?: string[];
  inputs?: Record<string, InputValue>;
  seeded?: boolean;
  checkpoints?: boolean;
}

/** The call of a command whose code is in the store of the bench. */
export async function commandCall(
  bench: Bench,
  command: TestCommand,
  change: Partial<StepCall> = {},
): Promise<StepCall> {
  const { outputs = {}, metrics = [], seeded = false, checkpoints = false } = command;
  const declaration: PlanKind = {
    ...{ version: commandVersion, runs: 'worker', seeded, checkpoints, inputs: {}, environment: [] },
    ...{ outputs, metrics },
  };
  const inputs: Record<string, InputValue> = {
    run: command.run,
    shell: command.shell ?? false,
    ...(command.code === undefined ? {} : { code: await stored(bench, command.code, command.file) }),
    ...(command.file === undefined ? {} : { file: command.file }),
    env: command.env ?? [],
    outputs,
    metrics,
    inputs: command.inputs ?? {},
  };
  const { key, checkpointKey, seed } = deriveStep({
    ...{ kindName: 'command', kind: declaration, inputs, runSeed: 0, indices: [], environment: {} },
  });
  return {
    ...{ run: bench.run, path: 'train', uses: 'command', version: commandVersion, key, checkpointKey, inputs, seed },
    ...{ outputs, declaration },
    checkpoint: { everySteps: 1, everyMs: null, keepLast: 2 },
    retry: { attempts: 3, backoffMs: 1000, maxBackoffMs: 3000, for: null },
    ...change,
  };
}

async function stored(bench: Bench, files: Record<string, string>, single: string | undefined): Promise<InputValue> {
  const folder = await mkdtemp(join(bench.home, 'code-'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    await chmod(join(folder, path), 0o644);
  }
  const named = single === undefined ? folder : join(folder, single);
  return { $file: { path: named, ...(await putInput(bench.store, named, 'code')) } };
}
