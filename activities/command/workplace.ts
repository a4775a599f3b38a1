// The folders of one attempt at a command: its code, where it leaves outputs and checkpoints, and the job that tells it so.
import { chmod, constants, copyFile, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandJob } from '../../schemas/generated/command-job.js';
import type { KindContext, KindInput, LocalArtifact, LocalFile } from '../kind.js';

export interface Workplace {
  /** The working directory of the program. */
  code: string;
  outputs: string;
  /** Null where the step has no checkpoints. */
  checkpoints: string | null;
  events: string;
  /** What the program finds in its environment. */
  env: Record<string, string>;
}

export interface CommandInputs {
  code: LocalFile | null;
  /** Name of the file, where the code is a single one. */
  file: string | null;
  inputs: Record<string, KindInput>;
}

/** Makes the folders, copies the code, writes the job. Fails as the file system does. */
export async function openWorkplace(
  context: Pick<KindContext, 'workDir' | 'resume' | 'seed' | 'attempt' | 'checkpoint' | 'outputDir'>,
  command: CommandInputs,
  step: { path: string; outputs: readonly string[]; checkpoints: boolean },
): Promise<Workplace> {
  const { workDir, resume, seed } = context;
  const code = join(workDir, 'code');
  const outputs = join(workDir, 'outputs');
  const checkpoints = step.checkpoints ? join(workDir, 'checkpoints') : null;
  const events = join(workDir, 'events.jsonl');
  await mkdir(outputs, { recursive: true });
  if (checkpoints !== null) await mkdir(checkpoints);
  await copyCode(command, code);
  const folders: [string, string][] = [];
  for (const name of step.outputs) folders.push([name, await context.outputDir(name)]);
  const job: CommandJob = {
    schema: 1,
    step: step.path,
    attempt: context.attempt,
    inputs: command.inputs,
    seed,
    outputs: Object.fromEntries(folders),
    checkpoints,
    checkpoint: context.checkpoint,
    resume,
    events,
  };
  const jobFile = join(workDir, 'job.json');
  await writeFile(jobFile, `${JSON.stringify(job, null, 2)}\n`);
  const env = {
    PAWL_JOB: jobFile,
    PAWL_OUTPUTS: outputs,
    PAWL_EVENTS: events,
    ...(checkpoints === null ? {} : { PAWL_CHECKPOINTS: checkpoints }),
    ...(resume === null ? {} : { PAWL_RESUME: resume.path }),
    ...(seed === null ? {} : { PAWL_SEED: String(seed) }),
    ...inputVariables(command.inputs),
  };
  return { code, outputs, checkpoints, events, env };
}

/** An input for the command line: an artifact is its folder. Null for lists, maps and what is absent. Pure. */
export function asText(value: KindInput): string | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isArtifact(value) ? value.path : null;
}

const isArtifact = (value: KindInput): value is LocalArtifact =>
  typeof value === 'object' && value !== null && 'identity' in value && 'path' in value;

/** PAWL_INPUT_<NAME> for what can be said in one word, so that a shell script needs no JSON. */
function inputVariables(inputs: Record<string, KindInput>): Record<string, string> {
  const variables = Object.entries(inputs).flatMap(([name, value]): [string, string][] => {
    const text = asText(value);
    return text === null ? [] : [[`PAWL_INPUT_${name.toUpperCase()}`, text]];
  });
  return Object.fromEntries(variables);
}

async function copyCode({ code, file }: CommandInputs, to: string): Promise<void> {
  if (code === null || file !== null) await mkdir(to);
  if (code === null) return;
  if (file === null) await copyFolder(code.path, to);
  else await copyReadOnly(code.path, join(to, file));
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyFolder(source, target);
    else await copyReadOnly(source, target);
  }
}

/** A copy, not a link: what a program does to it stays with the attempt. */
async function copyReadOnly(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, (await isProgram(from)) ? 0o555 : 0o444);
}

/** Artifacts keep no modes; a file says itself that it is a program: `#!`, or the mark of a binary. */
async function isProgram(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, 2).toString('latin1') === '#!' || buffer.toString('latin1') === '\x7fELF';
  } finally {
    await file.close();
  }
}
