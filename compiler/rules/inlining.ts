// out-of-scope, expression-syntax, not-yet: what cannot be said in the plan once the files are inlined.
import type { Analysis } from '../analysis.js';
import { childMap } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { hasElse, makerOf, suppliedElses } from '../include-else.js';
import { makeInliner } from '../inline.js';
import type { Step } from '../pipeline.js';
import type { Rule } from './rule.js';

export const inlining: Rule = (analysis) => {
  const { file, units, steps } = analysis.pipeline;
  if (units.length === 1) return [];
  const inliner = makeInliner(analysis);
  for (const field of analysis.fields) {
    // What is given to a file, and what one hands out, is looked at where it is read.
    const isRead = field.owner === null ? field.scope.unit.by === null : field.owner.form !== 'include';
    if (isRead || field.role === 'condition' || field.role === 'else') inliner.value(field);
  }
  const problems = inliner.problems.map(({ code, span, message, hint }) => file.error(code, span, message, { hint }));
  return [...problems, ...steps.flatMap((step) => handedThrough(analysis, step)), ...suppliedTwice(analysis)];
};

/** An output that no step of the file makes is there whether the file runs or not. */
function handedThrough(analysis: Analysis, step: Step): Diagnostic[] {
  const condition = step.map.entries.get('if');
  if (step.included === null || condition === undefined) return [];
  return [...step.included.outputs.keys()]
    .filter((name) => makerOf(analysis, step, name) === null)
    .map((name) => {
      const message = `\`if\` of \`${step.name}\` cannot skip its output \`${name}\`: no step of ${step.uses?.name ?? ''} makes it, it is handed through`;
      const hint = 'leave that output out of the file, and choose where it is read: "${{ … ? … : … }}"';
      return analysis.pipeline.file.error('not-yet', condition.key, message, { hint });
    });
}

/** The node that makes an output has one `else` for it. */
function suppliedTwice(analysis: Analysis): Diagnostic[] {
  const seen = new Set<string>();
  return suppliedElses(analysis).flatMap(({ field, maker }) => {
    const id = `${analysis.pipeline.steps.indexOf(maker.step)} ${maker.output}`;
    const isSecond = seen.has(id) || hasElse(maker);
    seen.add(id);
    const key = field.owner === null ? undefined : childMap(field.owner.map, 'else')?.entries.get(field.name)?.key;
    if (!isSecond || key === undefined) return [];
    const message = `${field.label} is the second for the output \`${maker.output}\` of \`${maker.step.name}\``;
    const related = [{ message: `\`${maker.step.name}\` is here`, span: maker.step.key }];
    return [analysis.pipeline.file.error('not-yet', key, message, { hint: 'give that output one `else`', related })];
  });
}
