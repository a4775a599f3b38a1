// command: runs a program of the user with a job file, follows its events, and checks what it leaves.
// Owns: what the program sees and how its end is read. Does not own: the process (program.ts), the commit.
import { relative, resolve } from 'node:path';
import { checkOutput } from '../check-output.js';
import { failureOfCommand } from '../command/command-failure.js';
import { openCommandLog } from '../command/command-log.js';
import { decodeCommandEvent, type CommandEvent } from '../command/decode-event.js';
import { followEvents } from '../command/event-file.js';
import { createMask, maskedLines, type Mask } from '../command/mask.js';
import { runProgram, type ProgramEnd } from '../command/program.js';
import { reportedMetrics, type ReportedMetrics } from '../command/reported-metrics.js';
import { variablesFor } from '../command/variables.js';
import { asText, openWorkplace, type Workplace } from '../command/workplace.js';
import { isEmptyFolder } from '../command/empty-folder.js';
import type { CommandFacts, KindContext, KindImplementation, KindInput, LocalFile } from '../kind.js';
import { StepFailure } from '../kind.js';
import { booleanInput, stringListInput } from './inputs.js';
import type { Failed } from '../../schemas/generated/event.js';
import { folderFiles, isRealFolder } from '../../store/folder-files.js';

/** From SIGTERM to SIGKILL: time to finish a step and to write a checkpoint. */
const graceMs = 12_000;
const eventsEveryMs = 100;
/** Lines of the events that are no events: so many are shown. */
const shownProblems = 3;

/** Safe to run twice: each attempt has folders of its own. Resumes from the checkpoint that PAWL_RESUME names. */
export const run: KindImplementation = async (context) => {
  const { command: facts, inputs } = context;
  if (facts === undefined) throw new StepFailure('internal', 'Internal error: the plan does not declare the command.');
  const { path, declaration, programs } = facts;
  const { env, secrets } = variablesFor(path, stringListInput(inputs, 'env'), programs);
  const workplace = await openWorkplace(context, commandInputs(inputs), {
    path,
    outputs: Object.keys(declaration.outputs),
    checkpoints: declaration.checkpoints,
  });
  const watched = watch(context, facts, workplace, createMask(secrets));
  await facts.freeSlot();
  const shell = booleanInput(inputs, 'shell');
  const argv = argumentsOf(inputs);
  const end = await watched.follow(shell ? ['/bin/sh', '-c', ...argv] : argv, { ...env, ...workplace.env });
  if (end.stopped) {
    context.signal.throwIfAborted();
    throw new StepFailure('preempted', 'The command was stopped.');
  }
  const failure = failureOfCommand(end, { argv, shell, ...watched.said() });
  if (failure !== null) throw failure;
  await checkOutputs(declaration.outputs, workplace.outputs, context.workDir);
  return watched.metrics.final(workplace.outputs);
};

interface Watched {
  metrics: ReportedMetrics;
  /** Runs the program; every checkpoint that it named is stored when this resolves. */
  follow(argv: string[], env: Record<string, string>): Promise<ProgramEnd>;
  said(): { tail: string; log: string; failed: Failed | null };
}

function watch(context: KindContext, facts: CommandFacts, workplace: Workplace, mask: Mask): Watched {
  const log = openCommandLog(facts.programs.logFolder, facts.attempt, facts.path);
  const lines = maskedLines(mask, (line) => {
    log.write(Buffer.from(line));
    context.output(Buffer.from(line));
  });
  const metrics = reportedMetrics(facts.declaration.metrics, (name) =>
    context.log('warning', `\`${name}\` is not declared under \`metrics\`, and is left out`),
  );
  const broken = new AbortController();
  const saves: Promise<void>[] = [];
  let failed: Failed | null = null;
  let problems = 0;
  const save = async (step: number, name: string): Promise<void> => {
    if (!facts.declaration.checkpoints) {
      context.log('warning', 'a checkpoint is left out: the step does not say `checkpoints: true`');
      return;
    }
    await context.saveCheckpoint(await checkpointFolder(context.workDir, workplace, { step, name }), step);
  };
  const take = (event: CommandEvent): void => {
    if (event.type === 'failed') failed = event;
    else if (event.type === 'checkpoint') {
      const saving = save(event.step, event.path);
      saving.catch((error: unknown) => broken.abort(error));
      saves.push(saving);
    } else show(context, metrics, event);
  };
  const onLine = (line: string): void => {
    const decoded = decodeCommandEvent(line, facts.attempt);
    if ('event' in decoded) take(masked(decoded.event, mask));
    else if (problems++ < shownProblems) {
      const shown = mask(line.length > 200 ? `${line.slice(0, 200)}…` : line);
      context.log('warning', `a line of the events is left out: ${decoded.problem}: ${JSON.stringify(shown)}`);
    }
  };
  return {
    metrics,
    said: () => ({ tail: log.tail(), log: log.path, failed }),
    async follow(argv, env) {
      const events = await followEvents(workplace.events, eventsEveryMs, onLine);
      const signal = AbortSignal.any([context.signal, broken.signal]);
      const onOutput = (chunk: Buffer): void => lines.write(chunk);
      try {
        return await runProgram({ argv, env, cwd: workplace.code, graceMs, onOutput }, signal);
      } finally {
        lines.end();
        log.close();
        await events.end();
        await Promise.all(saves);
      }
    },
  };
}

function show(
  context: KindContext,
  metrics: ReportedMetrics,
  event: Exclude<CommandEvent, Failed | { type: 'checkpoint' }>,
): void {
  switch (event.type) {
    case 'progress':
      context.progress(event.step, event.total, event.text);
      break;
    case 'metrics': {
      const figures = metrics.take(event.values);
      if (Object.keys(figures).length > 0) context.metric(event.step, figures);
      break;
    }
    case 'done':
      metrics.take(event.metrics);
      break;
    case 'log':
      if (event.level !== 'debug') context.log(event.level === 'info' ? 'info' : 'warning', event.message);
      break;
  }
}

/** The event without secrets, in whatever text they stand. */
function masked<Value>(value: Value, mask: Mask): Value {
  if (typeof value === 'string') return mask(value) as Value;
  if (Array.isArray(value)) return value.map((item: unknown) => masked(item, mask)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(item, mask)])) as Value;
}

async function checkpointFolder(
  workDir: string,
  { checkpoints }: Workplace,
  { step, name }: { step: number; name: string },
): Promise<string> {
  const base = checkpoints ?? '';
  const folder = resolve(base, name);
  // Below the attempt's own folder, so that $PAWL_CHECKPOINTS itself is no link either.
  if (!relative(base, folder).startsWith('..') && folder !== base && (await isRealFolder(workDir, folder)))
    return folder;
  throw new StepFailure(
    'data',
    `The checkpoint of step ${step} names \`${name}\`, which is no folder below $PAWL_CHECKPOINTS. Write the folder first, under another name, rename it, and then append the event.`,
  );
}

/** Before anything in it is read. */
async function refuseLinks(workDir: string, folder: string, name: string): Promise<void> {
  if (!(await isRealFolder(workDir, folder)))
    throw new StepFailure(
      'data',
      `The command has put something else in the place of the folder $PAWL_OUTPUTS/${name}: a link, or a file. Write into the folder that is there.`,
      { output: name },
    );
  await folderFiles(folder);
}

async function checkOutputs(
  declared: CommandFacts['declaration']['outputs'],
  outputs: string,
  workDir: string,
): Promise<void> {
  for (const [name, type] of Object.entries(declared)) {
    const folder = resolve(outputs, name);
    if (await isEmptyFolder(folder)) {
      const message = `The command ended well, but left nothing in $PAWL_OUTPUTS/${name}, its output \`${name}\`.`;
      throw new StepFailure('data', message, { output: name });
    }
    await refuseLinks(workDir, folder, name);
    try {
      await checkOutput(folder, { kind: 'the command', name, type });
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      throw new StepFailure('data', error.message, error.details);
    }
  }
}

/** The program and its arguments; an artifact stands for its folder. */
function argumentsOf(inputs: KindContext['inputs']): string[] {
  const { run: given } = inputs;
  if (!Array.isArray(given)) throw new StepFailure('config', '`run` is no list.');
  return given.map((value, index) => {
    const text = asText(value);
    if (text === null)
      throw new StepFailure('config', `Item ${index + 1} of \`run\` is no text: it is absent or a list.`);
    return text;
  });
}

function commandInputs(inputs: KindContext['inputs']): {
  code: LocalFile | null;
  file: string | null;
  inputs: Record<string, KindInput>;
} {
  const { code, file, inputs: own } = inputs;
  return {
    code: typeof code === 'object' && code !== null && 'digest' in code && 'path' in code ? (code as LocalFile) : null,
    file: typeof file === 'string' ? file : null,
    inputs: typeof own === 'object' && own !== null ? (own as Record<string, KindInput>) : {},
  };
}
