// unused-step (warning): a step whose artifacts nothing reads, in a file that says what it hands out. A report is an end in
// itself, and so is a step without outputs.
import { childMap } from '../authored.js';
import type { Step } from '../pipeline.js';
import { mentions } from '../walk.js';
import type { Rule } from './rule.js';

export const unusedStep: Rule = ({ pipeline: { file, steps } }) =>
  steps.flatMap((step) => {
    const { root } = step.scope.unit;
    if (!makesSomething(step) || (childMap(root, 'outputs')?.entries.size ?? 0) === 0) return [];
    // By name and as text: its metrics, an order of steps and a matrix count, too.
    if (mentions(root, new RegExp(`\\b${step.name}\\b`), step.map)) return [];
    const hint = 'hand it out under `outputs`, or remove the step';
    return [file.warning('unused-step', step.key, `nothing reads what \`${step.name}\` makes`, { hint })];
  });

function makesSomething({ form, kind }: Step): boolean {
  if (form !== 'step' || kind === null || kind.kind.startsWith('test.')) return false;
  const outputs = Object.values(kind.outputs).map(({ artifact }) => artifact);
  return outputs.length > 0 && !outputs.includes('report');
}
