// docs/bench.md from what was measured. Pure.
import type { CommandCost } from './commands.js';
import { median } from './commands.js';
import type { CompileCost } from './compile.js';
import type { LoopCosts } from './loop.js';
import type { StepCosts } from './steps.js';

export interface Measured {
  machine: string;
  commit: string;
  date: string;
  steps: StepCosts;
  loop: LoopCosts;
  commands: CommandCost[];
  compile: CompileCost[];
}

/** The page as Markdown. */
export function benchPage(measured: Measured): string {
  return [
    '<!-- Written by `npm run bench`. Do not edit. -->',
    '# Measurements',
    '',
    `Commit ${measured.commit}, ${measured.date}. ${measured.machine}.`,
    '',
    ...stepLines(measured.steps),
    '',
    ...loopLines(measured.loop),
    '',
    ...commandLines(measured.commands),
    '',
    ...compileLines(measured.compile),
    '',
  ].join('\n');
}

function stepLines(costs: StepCosts): string[] {
  const [pawl, writing, bare] = [median(costs.pawl), median(costs.writing), median(costs.bare)];
  const row = (name: string, values: number[], ratio: string): string =>
    `| ${name} | ${median(values).toFixed(1)} | ${values.map((value) => value.toFixed(1)).join(', ')} | ${ratio} |`;
  return [
    '## What a step costs',
    '',
    `A pipeline of ${costs.steps} steps in a row (\`test.sleep\` of 0 ms), each committed durably: ${costs.filesPerStep.toFixed(1)} files and`,
    `${Math.round(costs.bytesPerStep)} bytes a step stay in the store, ${costs.eventsPerStep.toFixed(2)} events a step in the history. Beside it, on the same server, taking turns over ${costs.rounds} rounds:`,
    'a Temporal workflow without Pawl whose activities write and flush files of the same sizes, and one whose activities do nothing.',
    'Time is from the start to the end of the workflow, as the server has them; the process start of the CLI is not in it.',
    '',
    '| | ms a step (median) | rounds | ratio |',
    '|---|---|---|---|',
    row('Pawl', costs.pawl, '1'),
    row('Temporal, same files', costs.writing, `Pawl is ${(pawl / writing).toFixed(2)} × this`),
    row('Temporal, nothing', costs.bare, `Pawl is ${(pawl / bare).toFixed(2)} × this`),
    '',
    `Targets: at most 1.5 × the control that writes (${verdict(pawl / writing <= 1.5)}), at most 8 events a step (${verdict(costs.eventsPerStep <= 8)}).`,
    '',
    'Not measured: steps in parallel, a remote server, a store on S3. Files that a step writes and removes again (claims, the attempt',
    'folder) are not in the control.',
  ];
}

function loopLines(costs: LoopCosts): string[] {
  const rows = (parts: Record<string, number>, unit: string): string[] =>
    Object.entries(parts).map(([part, value]) => `| ${unit} ${part} | ${value.toFixed(0)} |`);
  const steps = Object.values(costs.stepMs).reduce((sum, value) => sum + value, 0);
  const parts = Object.values(costs.tuned.parts).reduce((sum, value) => sum + value, 0);
  const { serialise = 0, hash = 0, load = 0 } = costs.storageMs;
  const ratio = costs.pawlMs / costs.plain.ms;
  const tuned = costs.pawlMs / costs.tuned.ms;
  return [
    '## What an iteration of stage 2 costs',
    '',
    `The loop of the quickstart (32 queries, 8 samples each, 64 replayed, 5 % of the index re-encoded), median of ${costs.iterations} iterations after a`,
    'warm-up, every iteration a durable click. Beside it, taking turns, the same mathematics in one plain Python process that keeps',
    'everything in memory (bench/plain_loop.py: the functions of the trainer, ranks in NumPy); once as Python comes, once with the',
    'allocator and threads set as Pawl sets them for its trainer (activities/engine/trainer-environment.ts).',
    '',
    '| | ms |',
    '|---|---|',
    `| **Pawl, from click to click** | ${costs.pawlMs.toFixed(0)} |`,
    ...rows(costs.stepMs, 'step'),
    `| between the steps: schedule, claims, click | ${(costs.pawlMs - steps).toFixed(0)} |`,
    `| **plain Python** | ${costs.plain.ms.toFixed(0)} |`,
    ...rows(costs.plain.parts, 'part'),
    `| **plain Python, set as Pawl's trainer** | ${costs.tuned.ms.toFixed(0)} |`,
    ...rows(costs.tuned.parts, 'part'),
    '',
    `Ratio to plain Python ${ratio.toFixed(2)}; the target is at most 1.05 (${verdict(ratio <= 1.05)}). Ratio to the one with the same settings ${tuned.toFixed(2)}: that is`,
    `what durability costs, ${(costs.pawlMs - costs.tuned.ms).toFixed(0)} ms an iteration. ${(costs.pawlMs - steps).toFixed(0)} ms lie between the steps; the steps themselves take ${Math.abs(steps - parts).toFixed(0)} ms`,
    `${steps >= parts ? 'more' : 'less'} than the parts. To serialise, hash and load the policy and optimizer of one iteration takes ${serialise.toFixed(0)}, ${hash.toFixed(0)} and ${load.toFixed(0)} ms on this machine;`,
    'the rest is rollouts and index on disk, commits that are flushed, and the job protocol. What of it grows with the model is writing,',
    'hashing and reading its files; the rest does not grow.',
  ];
}

function commandLines(costs: CommandCost[]): string[] {
  return [
    '## What a command costs',
    '',
    'Wall time of a fresh process, median of 11; the largest resident memory of one.',
    '',
    '| command | ms | MB |',
    '|---|---|---|',
    ...costs.map((cost) => `| \`${cost.command}\` | ${cost.medianMs.toFixed(0)} | ${cost.residentMb.toFixed(0)} |`),
  ];
}

function compileLines(costs: CompileCost[]): string[] {
  const [small, large] = [costs[0], costs.at(-1)];
  const ratio =
    small === undefined || large === undefined ? 0 : large.medianMs / small.medianMs / (large.steps / small.steps);
  return [
    '## What compiling a large file costs',
    '',
    'A generated pipeline with an expression in almost every place (bench/compile.ts), from its text to the plan, in a process that has',
    'compiled before; median of 11, in turns.',
    '',
    '| steps | KiB | ms |',
    '|---|---|---|',
    ...costs.map((cost) => `| ${cost.steps} | ${(cost.length / 1024).toFixed(0)} | ${cost.medianMs.toFixed(0)} |`),
    '',
    `Targets: ${small?.steps ?? 0} steps in less than 200 ms (${verdict((small?.medianMs ?? 0) < 200)}); ${large?.steps ?? 0} steps in at most 1.3 × as much a step (${ratio.toFixed(2)} ×, ${verdict(ratio <= 1.3)}).`,
  ];
}

const verdict = (holds: boolean): string => (holds ? 'met' : 'missed');
