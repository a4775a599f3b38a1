// The commands for a run that is there: what it has left, going on with it, and going back in its loops.
import type { Command } from 'commander';
import type { BisectOptions } from './commands/bisect.js';
import type { ForkOptions } from './commands/fork.js';
import type { LogsOptions } from './commands/logs.js';
import type { ResumeOptions } from './commands/resume.js';
import { attemptOf, boundOf, collectSet, iterationOf, runNameOf, timeoutOf } from './options.js';

export type Finish = (exitCode: number) => void;
type Json = { json?: true };
type Run = string | undefined;

/** Adds them; each resolves with its exit status in `finish`. */
export function afterwards(program: Command, finish: Finish): void {
  left(program, finish);
  artifacts(program, finish);
  again(program, finish);
  loops(program, finish);
}

/** What a run has left. */
function left(program: Command, finish: Finish): void {
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
}

function artifacts(program: Command, finish: Finish): void {
  const group = program.command('artifacts').description('list what a run has made, or copy it out of the store');
  group
    .command('ls')
    .description('list the artifacts of a run, of one step of it, or of an iteration that is kept')
    .argument('[run]', 'pipeline/name, with a step or iteration: pipeline/name@rl[120]; default: the latest run')
    .option('--json', 'write JSON')
    .action(async (run: Run, options: Json) =>
      finish(await (await import('./commands/artifacts.js')).listArtifacts(run, options)),
    );
  group
    .command('get')
    .description('copy an artifact to a folder and check every file of it')
    .argument('<path>', 'pipeline/name@sft.model, or pipeline/name@rl[120].update.model')
    .option('--to <folder>', 'a folder that is not there yet, or empty; default: the name of the output')
    .option('--json', 'write JSON')
    .action(async (path: string, options: Json & { to?: string }) =>
      finish(await (await import('./commands/artifacts.js')).getArtifact(path, options)),
    );
}

/** Going on with a run that has ended, or that another version began. */
function again(program: Command, finish: Finish): void {
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
    .command('replay')
    .description('check that runs which another version began can go on with this one; changes nothing')
    .argument('[run]', 'pipeline/name, or a pipeline: its latest run; default: all that are under way')
    .option('--history <file>', 'a history in a file instead, as `temporal workflow show --output json` writes it')
    .option('--json', 'write JSON lines')
    .action(async (run: Run, options: Json & { history?: string }) =>
      finish(await (await import('./commands/replay.js')).replay(run, options)),
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
