// may-be-skipped: a carry or an output of the run that has no value when an `if` is false. (An
// `until` that reads a skipped step does not hold, so it may.)
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import { child, childMap } from '../authored.js';
import type { Step } from '../pipeline.js';
import { constantOf } from '../plan-value.js';
import type { Rule } from './rule.js';

export const mayBeSkipped: Rule = (analysis) => {
  const search: Search = { analysis, known: new Map() };
  return analysis.fields.flatMap((field) => {
    if (!needsValue(field)) return [];
    const { file } = analysis.pipeline;
    return field.parts.flatMap(({ part, resolutions }) =>
      resolutions
        .flatMap(({ resolution }) => {
          if (!resolution.ok || resolution.target === null) return [];
          const culprit = skippedBy(search, resolution.target, resolution.output);
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
};

const needsValue = (field: AnalysedField): boolean => field.role === 'next' || field.role === 'output';

interface Search {
  analysis: Analysis;
  /** What was found of each output of a step; null as well while it is looked for, for steps may wait for each other. */
  known: Map<Step, Map<string | null, Step | null>>;
}

/** The step whose `if` can leave that output of `step` without a value; null when it always has one. */
function skippedBy(search: Search, step: Step, output: string | null): Step | null {
  const ofStep = search.known.get(step) ?? new Map<string | null, Step | null>();
  search.known.set(step, ofStep);
  const before = ofStep.get(output);
  if (before !== undefined) return before;
  ofStep.set(output, null);
  const culprit = findCulprit(search, step, output);
  ofStep.set(output, culprit);
  return culprit;
}

function findCulprit(search: Search, step: Step, output: string | null): Step | null {
  const { analysis } = search;
  const supplied = output !== null && childMap(step.map, 'else')?.entries.has(output) === true;
  if (step.map.entries.has('if') && !supplied && !someCellRuns(analysis, step)) return step;
  // A carry of an enclosing loop or a step outside the loop cannot be missing here: then the loop had not started.
  for (const dep of analysis.deps.get(step) ?? []) {
    if (dep.scope !== step.scope) continue;
    const culprit = skippedBy(search, dep, outputUsed(analysis, step, dep));
    if (culprit !== null) return culprit;
  }
  return null;
}

/** Whether the `if` of a step with a matrix holds in one of its cells, by what is known now. */
function someCellRuns({ fieldsOf }: Analysis, step: Step): boolean {
  const condition = child(step.map, 'if');
  const field = fieldsOf.get(step)?.find(({ authored }) => authored === condition);
  if (field === undefined) return false;
  return (step.matrix?.cells ?? []).some((cell) => {
    const constant = constantOf(field, cell);
    return constant.known && constant.value === true;
  });
}

/** The output of `dep` that `step` reads, when it reads exactly one. */
function outputUsed(analysis: Analysis, step: Step, dep: Step): string | null {
  let only: string | null = null;
  for (const { parts } of analysis.fieldsOf.get(step) ?? [])
    for (const { resolutions } of parts)
      for (const { resolution } of resolutions) {
        if (!resolution.ok || resolution.target !== dep) continue;
        if (resolution.output === null || (only !== null && only !== resolution.output)) return null;
        only = resolution.output;
      }
  return only;
}
