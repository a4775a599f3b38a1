// The commands and their options: a frozen list (tests/cli/program.test.ts). What a command does is in commands/, loaded
// when it is called, so that `pawl validate` never loads Temporal.
import { Command } from 'commander';
import type { BisectOptions } from './commands/bisect.js';
import type { ConformOptions } from './commands/conform.js';
import type { ForkOptions } from './commands/fork.js';
import type { GcOptions } from './commands/gc.js';
import type { LogsOptions } from './commands/logs.js';
import type { PlanOptions } from './commands/plan.js';
import type { ResumeOptions } from './commands/resume.js';
import type { RunOptions } from './commands/run.js';
import type { TestOptions } from './commands/test.js';
import type { ValidateOptions } from './commands/validate.js';
import {
  attemptOf,
  boundOf,
  collectName,
  collectSet,
  gibibytesOf,
  iterationOf,
  keepOf,
  runNameOf,
  seedOf,
  timeoutOf,
} from './options.js';

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
  loops(program, finish);
  servers(program, finish);
  return program;
}

type Finish = (exitCode: number) => void;
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

/** What a run has left, and going on with one that has ended. */
function afterwards(program: Command, finish: Finish): void {
  program
    .command('why')
    .description('show what the key of a step is made of, and what changed since the result before')
    .argument('<run-or-path>', 'the run, when a path follows; else the path in the latest run')
    .argument('[path]', 'path of a step, such as sft or rl[12].update')
    .option('--json', 'write JSON')
    .action(async (first: string, second: string | undefined, options: Json) =>
      finish(await (await import('./commands/why.js')).why(first, second, options)),
    );
  program
    .command('resume')
    .description('start a run that has ended again, from its record: what is done stays, what failed is tried again')
    .argument('[run]', 'pipeline/name, or a pipeline: its latest run; default: the latest run')
    .option('--from <step>', 'compute this step and all that depends on it again; earlier results stay')
    .option('--set <name=value>', 'another value of a param; may be given several times', collectSet, {})
    .option('--detach', 'return as soon as the run is submitted')
    .option('--timeout <duration>', 'stop following after 90s, 15m, 2h, …; the run goes on', timeoutOf)
    .option('--json', 'write JSON lines')
    .action(async (run: Run, options: ResumeOptions) =>
      finish(await (await import('./commands/resume.js')).resume(run, options)),
    );
  program
    .command('logs')
    .description('show what the steps of a run wrote, wherever they ran; of one step its last attempt')
    .argument('<run>', 'pipeline/name, or a pipeline: its latest run')
    .argument('[step]', 'path of a step, such as sft or rl[12].update; default: all that wrote something')
    .option('--attempt <number>', 'this attempt at the step', attemptOf)
    .option('--follow', 'go on until the run ends')
    .option('--json', 'write JSON lines')
    .action(async (run: string, step: string | undefined, options: LogsOptions) =>
      finish(await (await import('./commands/logs.js')).logs(run, step, options)),
    );
  program
    .command('replay')
    .description('check that runs which another version began can go on with this one; changes nothing')
    .argument('[run]', 'pipeline/name, or a pipeline: its latest run; default: all that are under way')
    .option('--history <file>', 'a history in a file instead, as `temporal workflow show --output json` writes it')
    .option('--json', 'write JSON lines')
    .action(async (run: Run, options: Json & { history?: string }) =>
      finish(await (await import('./commands/replay.js')).replay(run, options)),
    );
  const artifacts = program.command('artifacts').description('list what a run has made, or copy it out of the store');
  artifacts
    .command('ls')
    .description('list the artifacts of a run, of one step of it, or of an iteration that is kept')
    .argument('[run]', 'pipeline/name, with a step or iteration: pipeline/name@rl[120]; default: the latest run')
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json) =>
      finish(await (await import('./commands/artifacts.js')).listArtifacts(run, options)),
    );
  artifacts
    .command('get')
    .description('copy an artifact to a folder and check every file of it')
    .argument('<path>', 'pipeline/name@sft.model, or pipeline/name@rl[120].update.model')
    .option('--to <folder>', 'a folder that is not there yet, or empty; default: the name of the output')
    .option('--json', 'write JSON')
    .action(async (path: string, options: Json & { to?: string }) =>
      finish(await (await import('./commands/artifacts.js')).getArtifact(path, options)),
    );
}

function loops(program: Command, finish: Finish): void {
  program
    .command('fork')
    .description('start a new run whose loop begins after a kept iteration of another, with what that one carried')
    .argument('<iteration>', 'pipeline/name@rl[120]')
    .option('--set <name=value>', 'another value of a param; may be given several times', collectSet, {})
    .option('--name <name>', 'name of the new run; default: made from its plan', runNameOf)
    .option('--plan', 'only show what would run')
    .option('--detach', 'return as soon as the run is submitted')
    .option('--timeout <duration>', 'stop following after 90s, 15m, 2h, …; the run goes on', timeoutOf)
    .option('--json', 'write JSON lines')
    .action(async (iteration: string, options: ForkOptions) =>
      finish(await (await import('./commands/fork.js')).fork(iteration, options)),
    );
  program
    .command('bisect')
    .description('show at which iteration a metric of a loop went bad, and the kept iteration before it')
    .argument('<run>', 'pipeline/name, or a pipeline: its latest run')
    .argument('<metric>', 'such as rl.dev.ndcg_at_10: loop, step and metric')
    .option('--below <number>', 'a value below it is bad', boundOf)
    .option('--above <number>', 'a value above it is bad', boundOf)
    .option('--good <iteration>', 'an iteration that was good; default: the first', iterationOf)
    .option('--bad <iteration>', 'a later one that was bad; default: the last', iterationOf)
    .option('--json', 'write JSON')
    .action(async (run: string, metric: string, options: BisectOptions) =>
      finish(await (await import('./commands/bisect.js')).bisect(run, metric, options)),
    );
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
