// unknown-kind: `uses` names no step kind.
import { commandKind } from '../../schemas/command.js';
import { nearest } from '../did-you-mean.js';
import type { Rule } from './rule.js';

export const kinds: Rule = ({ pipeline }) =>
  pipeline.steps.flatMap((step) => {
    if (step.uses === null || step.kind !== null || step.form === 'include' || step.uses.name === commandKind)
      return [];
    if (/\.ya?ml$/.test(step.uses.name)) {
      const hint = `a file is named by its path from this one: ./${step.uses.name.replace(/^\/+/, '')}`;
      return [pipeline.file.error('unknown-kind', step.uses.span, `\`${step.uses.name}\` is no step kind`, { hint })];
    }
    const known = [...Object.keys(pipeline.kinds), commandKind].sort();
    const near = nearest(step.uses.name, known) ?? known.find((kind) => kind.endsWith(`.${step.uses?.name}`));
    const hint =
      near === undefined
        ? `there are ${known
            .filter((kind) => !kind.startsWith('test.'))
            .map((kind) => `\`${kind}\``)
            .join(', ')}`
        : `did you mean \`${near}\`?`;
    return [
      pipeline.file.error('unknown-kind', step.uses.span, `there is no step kind \`${step.uses.name}\``, { hint }),
    ];
  });
