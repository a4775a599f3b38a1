// docs/bench.md from what was measured. Pure.
import type { CommandCost } from './commands.js';
import { median } from './commands.js';
import type { StepCosts } from './steps.js';

export interface Measured {
  machine: string;
  commit: string;
  date: string;
  steps: StepCosts;
  commands: CommandCost[];
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
    ...commandLines(measured.commands),
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

const verdict = (holds: boolean): string => (holds ? 'met' : 'missed');
