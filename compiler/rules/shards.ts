// not-sharded, unknown-kind, expression-type: `shards` splits only steps whose kind says how, into a number that is known before
// the run.
import type { Diagnostic } from '../diagnostics.js';
import type { Analysis } from '../analysis.js';
import { cellsOf, constantOf } from '../plan-value.js';
import type { Rule } from './rule.js';

export const shards: Rule = (analysis) =>
  analysis.pipeline.steps.flatMap((step) => {
    const { file, kinds } = analysis.pipeline;
    const entry = step.map.entries.get('shards');
    if (entry === undefined || step.kind === null) return [];
    const { kind, shards: split } = step.kind;
    if (split === undefined) {
      const hint = `${ableKinds(analysis)}; remove it: the step runs as one`;
      return [file.error('not-sharded', entry.key, `\`${kind}\` cannot be split into shards`, { hint })];
    }
    if (!Object.hasOwn(kinds, split.kind)) {
      const message = `\`${kind}\` is split into steps of \`${split.kind}\`, and there is no such kind`;
      return [file.error('unknown-kind', entry.key, message, { hint: 'name its declaration in temporal.config.ts' })];
    }
    return unknownCount(analysis, step);
  });

/** Another value than a number that params and axes give. */
function unknownCount({ pipeline, fieldsOf }: Analysis, step: Analysis['pipeline']['steps'][number]): Diagnostic[] {
  const field = (fieldsOf.get(step) ?? []).find(({ role }) => role === 'shards');
  if (field === undefined || field.parts.some(({ type }) => type === null)) return [];
  const isKnown = cellsOf(field).every((cell) => {
    const constant = constantOf(field, cell);
    return constant.known || constant.error !== null;
  });
  if (isKnown) return [];
  const message = `${field.label} must be known before the run: it can read \`params\` and \`matrix\` only`;
  return [pipeline.file.error('expression-type', field.authored.span, message)];
}

const ableKinds = ({ pipeline: { kinds } }: Analysis): string => {
  const able = Object.values(kinds).filter((kind) => kind.shards !== undefined);
  return `only ${able
    .map(({ kind }) => `\`${kind}\``)
    .sort()
    .join(', ')} can`;
};
