// unknown-input, missing-input: `with` against the inputs that the step kind declares.
import { childMap } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import { isCommand } from '../fields.js';
import type { Step } from '../pipeline.js';
import type { SourceFile } from '../source-file.js';
import type { Rule } from './rule.js';

export const inputs: Rule = ({ pipeline }) =>
  pipeline.steps.flatMap((step) => [...unknown(pipeline.file, step), ...missing(pipeline.file, step)]);

function unknown(file: SourceFile, step: Step): Diagnostic[] {
  const { kind } = step;
  if (kind === null || isCommand(step)) return [];
  return [...(childMap(step.map, 'with')?.entries ?? [])]
    .filter(([name]) => !Object.hasOwn(kind.inputs, name))
    .map(([name, { key }]) =>
      file.error('unknown-input', key, `\`${kind.kind}\` has no input \`${name}\``, {
        hint: suggest(name, Object.keys(kind.inputs)),
      }),
    );
}

function missing(file: SourceFile, step: Step): Diagnostic[] {
  const { kind } = step;
  if (kind === null) return [];
  const given = childMap(step.map, 'with')?.entries ?? new Map();
  return Object.entries(kind.inputs).flatMap(([name, input]) => {
    const isRequired = 'artifact' in input ? input.required : input.default === undefined;
    if (!isRequired || given.has(name)) return [];
    const what = 'artifact' in input ? `a ${input.artifact}` : `a ${input.type}`;
    return [
      file.error('missing-input', step.key, `\`${step.name}\` (${kind.kind}) needs the input \`${name}\`, ${what}`, {
        hint: `under \`with\`: ${name}: … (${input.help})`,
      }),
    ];
  });
}
