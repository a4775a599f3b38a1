// The commands and their options: a frozen list (tests/cli/program.test.ts). What a command does is in commands/, loaded
// when it is called, so that `pawl validate` never loads Temporal.
import { Command } from 'commander';
import type { ConformOptions } from './commands/conform.js';
import type { GcOptions } from './commands/gc.js';
import type { PlanOptions } from './commands/plan.js';
import type { RunOptions } from './commands/run.js';
import type { TestOptions } from './commands/test.js';
import type { ValidateOptions } from './commands/validate.js';
import { collectName, collectSet, gibibytesOf, keepOf, runNameOf, seedOf, timeoutOf } from './options.js';
import { afterwards, type Finish } from './program-afterwards.js';

/** The command line. Parsing runs the command, which resolves with its exit status in `finish`. */
export function buildProgram(version: string, finish: (exitCode: number) => void): Command {
  const program = new Command('pawl')
    .description('Runs a YAML pipeline as a durable Temporal workflow that trains a retrieval model.')
    .version(version)
    .showHelpAfterError('(`pawl --help` lists the commands, `pawl COMMAND --help` the options of one)')
    .exitOverride();
  beginning(program, finish);
  authoring(program, finish, version);
  trying(program, finish);
  runs(program, finish);
  afterwards(program, finish);
  servers(program, finish);
  return program;
}

type Json = { json?: true };
type Run = string | undefined;

function authoring(program: Command, finish: Finish, version: string): void {
  program
    .command('validate')
    .description('check pipeline files; nothing is run, nothing is contacted')
    .argument('<files...>', 'pipeline files')
    .option('--strict', 'fail on warnings, too')
    .option('--format <format>', 'text, json (lines), github (annotations) or sarif', 'text')
    .option('--json', 'the same as --format json')
    .action(async (files: string[], options: ValidateOptions) =>
      finish(await (await import('./commands/validate.js')).validate(files, { ...options, version })),
    );
  program
    .command('explain')
    .description('explain a code of a message, with a wrong and a right example; without CODE, list them')
    .argument('[code]', 'what stands in brackets at the end of a message')
    .action(async (code: string | undefined) => finish((await import('./commands/explain.js')).explain(code)));
  program
    .command('plan')
    .description('show what would run, what is cached or goes on from a checkpoint, and why')
    .argument('<file>', 'pipeline file')
    .option('--set <name=value>', 'value of a param; may be given several times', collectSet, {})
    .option('--seed <number>', 'seed of the run', seedOf)
    .option('--baseline <run>', 'run to compare with, as pipeline/name: what `baseline.metrics` holds')
    .option('--name <name>', 'name of the run that is asked about; default: made from file, params and seed', runNameOf)
    .option('--verbose', 'also show inputs and settings, with defaults marked')
    .option('--format <format>', 'text, json or mermaid', 'text')
    .option('--json', 'the same as --format json')
    .action(async (file: string, options: PlanOptions) =>
      finish(await (await import('./commands/plan.js')).plan(file, options)),
    );
  program
    .command('test')
    .description('run test files of pipelines: the real interpreter, faked steps, virtual time; nothing is contacted')
    .argument('<files...>', 'test files, such as pipelines/quickstart.test.yaml')
    .option('--filter <text>', 'only cases with this in their name')
    .option('--junit <file>', 'also write the results as JUnit XML')
    .option('--json', 'write JSON lines')
    .action(async (files: string[], options: TestOptions) =>
      finish(await (await import('./commands/test.js')).test(files, options)),
    );
  program
    .command('run')
    .description('run a pipeline; running it again attaches to it, or goes on from what is kept')
    .argument('<file>', 'pipeline file')
    .option('--set <name=value>', 'value of a param; may be given several times', collectSet, {})
    .option('--seed <number>', 'seed of the run', seedOf)
    .option('--baseline <run>', 'run to compare with, as pipeline/name: what `baseline.metrics` holds')
    .option('--name <name>', 'name of the run; default: made from file, params and seed', runNameOf)
    .option('--new', 'start another run even if there is one of this name')
    .option('--wait', 'follow the run to its end (the default); ctrl-C detaches')
    .option('--detach', 'return as soon as the run is submitted')
    .option('--timeout <duration>', 'stop following after 90s, 15m, 2h, …; the run goes on', timeoutOf)
    .option('--json', 'write JSON lines')
    .action(async (file: string, options: RunOptions) =>
      finish(await (await import('./commands/run.js')).run(file, options)),
    );
}

function beginning(program: Command, finish: Finish): void {
  program
    .command('init')
    .description('write a small pipeline to begin with, which runs within seconds; overwrites nothing')
    .argument('[name]', 'its name, and that of the file without .yaml', 'first')
    .action(async (name: string) => finish(await (await import('./commands/init.js')).init(name)));
  program
    .command('schema')
    .description('print a JSON schema: of pipelines for an editor, with all step kinds, or of what other tools read')
    .argument('[name]', 'pipeline, step-kind or plan', 'pipeline')
    .action(async (name: string) => finish(await (await import('./commands/schema.js')).schema(name)));
}

/** What of a pipeline is tried without running it. */
function trying(program: Command, finish: Finish): void {
  program
    .command('conform')
    .description('kill a program of `uses: command` at the points that matter, and say whether its work survives')
    .argument('<program...>', 'the program and its arguments, after --')
    .option('--set <name=value>', 'an input; JSON, or else text; may be given several times', collectSet, {})
    .option('--artifact <name=folder>', 'an input that is a folder; may be given several times', collectSet, {})
    .option('--output <name>', 'an output; default: model; may be given several times', collectName, [])
    .option('--code <path>', 'file or folder that becomes its working directory; default: an empty one')
    .option('--env <name>', 'a variable that it gets; may be given several times', collectName, [])
    .option('--seed <number>', 'its seed; default: 0', seedOf)
    .option('--every <steps>', 'how often it is to checkpoint', '5')
    .option('--timeout <duration>', 'of one attempt; default: 5m', timeoutOf)
    .option('--keep', 'leave what it wrote to be looked at')
    .option('--json', 'write JSON lines')
    .action(async (words: string[], options: ConformOptions) =>
      finish(await (await import('./commands/conform.js')).conform(words, options)),
    );
}

function runs(program: Command, finish: Finish): void {
  const runArgument = ['[run]', 'pipeline/name, or a pipeline: its latest run; default: the latest run'] as const;
  program
    .command('status')
    .description('show a run: its steps, metrics and links')
    .argument(...runArgument)
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json) =>
      finish(await (await import('./commands/status.js')).status(run, options)),
    );
  program
    .command('cancel')
    .description('cancel a run; what runs keeps its last checkpoint')
    .argument(...runArgument)
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json) =>
      finish(await (await import('./commands/cancel.js')).cancel(run, options)),
    );
  program
    .command('pause')
    .description('start no new step of a run')
    .argument(...runArgument)
    .option('--now', 'also checkpoint what runs, and free its slot')
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json & { now?: true }) =>
      finish(await (await import('./commands/pause.js')).pause(run, options)),
    );
  program
    .command('unpause')
    .description('let a paused run go on')
    .argument(...runArgument)
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json) =>
      finish(await (await import('./commands/unpause.js')).unpause(run, options)),
    );
  for (const verb of ['approve', 'reject'] as const) {
    program
      .command(verb)
      .description(
        verb === 'approve' ? 'let a gate that waits for approval pass' : 'fail a gate that waits for approval',
      )
      .argument(...runArgument)
      .option('--gate <path>', 'the gate, when several wait')
      .option('--note <text>', 'why; recorded with the decision', '')
      .option('--json', 'write JSON')
      .action(async (run: Run, options: Json & { gate?: string; note: string }) =>
        finish(await (await import('./commands/decide.js')).decide(verb, run, options)),
      );
  }
}

function servers(program: Command, finish: Finish): void {
  program
    .command('up')
    .description('start Temporal, MLflow and the worker in the background; what is configured elsewhere is not started')
    .option('--json', 'write JSON lines')
    .action(async (options: Json) => finish(await (await import('./commands/up.js')).up(options)));
  program
    .command('down')
    .description('stop what `up` has started')
    .option('--json', 'write JSON')
    .action(async (options: Json) => finish(await (await import('./commands/down.js')).down(options)));
  program
    .command('ps')
    .description('show what of it runs')
    .option('--json', 'write JSON')
    .action(async (options: Json) => finish(await (await import('./commands/ps.js')).ps(options)));
  program
    .command('doctor')
    .description('look at all that runs need: servers, queues, store, Python, GPUs, disks, clocks; says what is wrong')
    .option('--min-free <GiB>', 'warn when a disk has less than that free; default: 10', gibibytesOf)
    .option('--json', 'write JSON lines')
    .action(async (options: Json & { minFree?: number }) =>
      finish(await (await import('./commands/doctor.js')).doctor(options)),
    );
  program
    .command('gc')
    .description('remove what no run needs any more: artifacts, checkpoints, caches and leftovers; records stay')
    .option('--dry-run', 'only show what would be removed')
    .option(
      '--keep <duration>',
      'also keep what runs made that ended this long ago: 30d, 12h, 0s',
      keepOf,
      keepOf('30d'),
    )
    .option('--json', 'write JSON')
    .action(async (options: GcOptions) => finish(await (await import('./commands/gc.js')).gc(options)));
}
