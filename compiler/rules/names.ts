// duplicate-name, shadowed-name, bad-name: step names are unique in the file, and every name can stand in an expression.
import { childMap } from '../authored.js';
import type { Span } from '../authored.js';
import { metricNames } from '../command.js';
import type { Diagnostic } from '../diagnostics.js';
import { isCommand } from '../fields.js';
import type { Step } from '../pipeline.js';
import { encloses } from '../pipeline.js';
import type { SourceFile } from '../source-file.js';
import type { Rule } from './rule.js';

/** Words of CEL that cannot follow a dot. */
const reserved = new Set(['true', 'false', 'null', 'in']);

/** Words that end the name of a step in a reference: `steps.x.train.outputs.model`. */
const sections = new Set(['outputs', 'metrics', 'cells', 'best']);

export const names: Rule = ({ pipeline }) => {
  const { file } = pipeline;
  const diagnostics: Diagnostic[] = [];
  const refuse = (name: string, span: Span): void => {
    if (!reserved.has(name)) return;
    diagnostics.push(
      file.error('bad-name', span, `\`${name}\` is a word of the expression language and cannot be a name`),
    );
  };
  for (const unit of pipeline.units) {
    const first = new Map<string, Step>();
    for (const step of unit.steps) {
      for (const { name, span } of namesOf(step)) refuse(name, span);
      if (sections.has(step.name)) diagnostics.push(sectionName(file, step));
      const earlier = first.get(step.name);
      if (earlier === undefined) first.set(step.name, step);
      else diagnostics.push(sameName(file, step, earlier));
    }
    for (const { name, key } of unit.params.values()) refuse(name, key);
  }
  return diagnostics;
};

/** The names that a step brings in. */
const namesOf = (step: Step): { name: string; span: Span }[] => [
  { name: step.name, span: step.key },
  ...[...step.carries.values(), ...(step.matrix?.axes ?? [])].map(({ name, key }) => ({ name, span: key })),
  ...(isCommand(step) ? declaredNames(step) : []),
];

const declaredNames = (step: Step): { name: string; span: Span }[] => [
  ...[...(childMap(step.map, 'outputs')?.entries ?? [])].map(([name, { key }]) => ({ name, span: key })),
  ...metricNames(step.map),
];

function sectionName(file: SourceFile, { name, key }: Step): Diagnostic {
  const message = `\`${name}\` cannot be the name of a step: it says what is read of one, as in steps.train.outputs`;
  return file.error('bad-name', key, message);
}

/** A step in a loop that hides one around the loop, or the other way round; else two steps apart from each other. */
function sameName(file: SourceFile, step: Step, earlier: Step): Diagnostic {
  const hint = 'step names are unique in the file, loops included';
  const related = [{ message: `the other \`${step.name}\` is here`, span: earlier.key }];
  const inner = encloses(earlier.scope, step.scope) ? step : encloses(step.scope, earlier.scope) ? earlier : null;
  const loop = inner?.scope.loop;
  if (loop == null)
    return file.error('duplicate-name', step.key, `there are two steps called \`${step.name}\``, { related, hint });
  const message = `\`${step.name}\` in the loop \`${loop.name}\` hides the step \`${step.name}\` around it`;
  return file.error('shadowed-name', step.key, message, { related, hint });
}
