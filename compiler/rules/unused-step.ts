// unused-step (warning): a step whose artifacts nothing reads, in a file that says what it hands out. A report is an end in
// itself, and so is a step without outputs.
import { childMap } from '../authored.js';
import type { AuthoredMap } from '../authored.js';
import type { Step } from '../pipeline.js';
import { walk } from '../walk.js';
import type { Rule } from './rule.js';

export const unusedStep: Rule = ({ pipeline: { file, units } }) =>
  units.flatMap(({ root, steps }) => {
    if ((childMap(root, 'outputs')?.entries.size ?? 0) === 0) return [];
    const words = wordsIn(root);
    return steps.flatMap((step) => {
      if (!makesSomething(step) || isMentioned(step, words)) return [];
      const hint = 'hand it out under `outputs`, or remove the step';
      return [file.warning('unused-step', step.key, `nothing reads what \`${step.name}\` makes`, { hint })];
    });
  });

/** By name and as text: its metrics, an order of steps and a matrix count, too. What is no name is said elsewhere. */
function isMentioned({ name, map }: Step, words: ReadonlyMap<string, readonly number[]>): boolean {
  if (!/^\w+$/.test(name)) return true;
  const { start, end } = map.span;
  return (words.get(name) ?? []).some((at) => at < start || at >= end);
}

/** Every word of every text under `root`, with where the texts begin. */
function wordsIn(root: AuthoredMap): Map<string, number[]> {
  const found = new Map<string, number[]>();
  walk(root, {
    scalar: ({ value, span }) => {
      if (typeof value !== 'string') return;
      for (const [word] of value.matchAll(/\w+/g)) {
        const places = found.get(word);
        if (places === undefined) found.set(word, [span.start]);
        else if (places.at(-1) !== span.start) places.push(span.start);
      }
    },
  });
  return found;
}

function makesSomething({ form, kind }: Step): boolean {
  if (form !== 'step' || kind === null || kind.kind.startsWith('test.')) return false;
  const outputs = Object.values(kind.outputs).map(({ artifact }) => artifact);
  return outputs.length > 0 && !outputs.includes('report');
}
