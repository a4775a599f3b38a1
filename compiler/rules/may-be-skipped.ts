// may-be-skipped: a carry or an output of the run that has no value when an `if` is false. (An
// `until` that reads a skipped step does not hold, so it may.)
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import { child, childMap } from '../authored.js';
import type { Step } from '../pipeline.js';
import { constantOf } from '../plan-value.js';
import type { Rule } from './rule.js';

export const mayBeSkipped: Rule = (analysis) =>
  analysis.fields.flatMap((field) => {
    if (!needsValue(field)) return [];
    const { file } = analysis.pipeline;
    return field.parts.flatMap(({ part, resolutions }) =>
      resolutions
        .flatMap(({ resolution }) => {
          if (!resolution.ok || resolution.target === null) return [];
          const culprit = skippedBy(analysis, resolution.target, resolution.output, new Set());
          if (culprit === null) return [];
          const because =
            culprit === resolution.target ? 'its `if` may be false' : `\`${culprit.name}\` may be, by its \`if\``;
          const message = `${field.label} has no value when \`${resolution.target.name}\` is skipped: ${because}`;
          const hint = `give \`${culprit.name}\` an \`else\` with that output`;
          return [
            file.error('may-be-skipped', part.span, message, {
              hint,
              related: [{ message: `\`${culprit.name}\` is here`, span: culprit.key }],
            }),
          ];
        })
        .slice(0, 1),
    );
  });

const needsValue = (field: AnalysedField): boolean => field.role === 'next' || field.role === 'output';

/** The step whose `if` can leave that output of `step` without a value; null when it always has one. */
function skippedBy(analysis: Analysis, step: Step, output: string | null, seen: Set<Step>): Step | null {
  if (seen.has(step)) return null;
  seen.add(step);
  const supplied = output !== null && childMap(step.map, 'else')?.entries.has(output) === true;
  if (step.map.entries.has('if') && !supplied && !someCellRuns(analysis, step)) return step;
  // A carry of an enclosing loop or a step outside the loop cannot be missing here: then the loop had not started.
  for (const dep of analysis.deps.get(step) ?? []) {
    if (dep.scope !== step.scope) continue;
    const usedOutput = outputUsed(analysis, step, dep);
    const culprit = skippedBy(analysis, dep, usedOutput, seen);
    if (culprit !== null) return culprit;
  }
  return null;
}

/** Whether the `if` of a step with a matrix holds in one of its cells, by what is known now. */
function someCellRuns({ fields }: Analysis, step: Step): boolean {
  const condition = child(step.map, 'if');
  const field = fields.find(({ authored }) => authored === condition);
  if (field === undefined) return false;
  return (step.matrix?.cells ?? []).some((cell) => {
    const constant = constantOf(field, cell);
    return constant.known && constant.value === true;
  });
}

/** The output of `dep` that `step` reads, when it reads exactly one. */
function outputUsed(analysis: Analysis, step: Step, dep: Step): string | null {
  const outputs = analysis.fields
    .filter((field) => field.owner === step)
    .flatMap((field) => field.parts.flatMap(({ resolutions }) => resolutions))
    .flatMap(({ resolution }) => (resolution.ok && resolution.target === dep ? [resolution.output] : []));
  return outputs.length > 0 && outputs.every((output) => output === outputs[0]) ? (outputs[0] ?? null) : null;
}
