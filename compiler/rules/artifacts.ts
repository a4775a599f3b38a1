// artifact-type, may-be-absent, bad-name, bad-value: places that take an artifact, or several by name.
import type { ExpressionType } from '../../expressions/check.js';
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import type { AuthoredMap } from '../authored.js';
import { plainValue } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Scope } from '../pipeline.js';
import { describeExpressionType, singleExpression } from '../single-expression.js';
import { showValue } from '../scalar-check.js';
import type { Rule } from './rule.js';

export const artifacts: Rule = (analysis) =>
  analysis.fields.flatMap((field) => {
    const { expect } = field;
    if (expect.is !== 'artifact' && expect.is !== 'any-artifact') return [];
    if (expect.is === 'artifact' && expect.many === true && field.authored.form === 'map')
      return several(analysis, field, field.authored);
    return one(analysis, field);
  });

/** Artifacts by names of the user. */
function several(analysis: Analysis, field: AnalysedField, { entries }: AuthoredMap): Diagnostic[] {
  const { file } = analysis.pipeline;
  if (entries.size === 0) return [file.error('bad-value', field.authored.span, `${field.label} names no artifact`)];
  return [...entries].flatMap(([name, { key, value }]) => {
    const hint = 'lower-case letters, digits, - and _, starting with a letter';
    const ofName = setName.test(name) ? [] : [file.error('bad-name', key, `\`${name}\` is not a name`, { hint })];
    return [...ofName, ...one(analysis, { ...field, authored: value, label: `\`${name}\` of ${field.label}` })];
  });
}

const setName = /^[a-z][a-z0-9_-]*$/;

function one(analysis: Analysis, field: AnalysedField): Diagnostic[] {
  const { expect } = field;
  const wanted = expect.is === 'artifact' ? `a ${expect.artifact} artifact` : 'an artifact';
  const single = singleExpression(analysis.pipeline.file, field);
  if (single.form === 'around') return [single.diagnostic];
  if (single.form === 'literal') return [literal(analysis, field, wanted)];
  if (single.type === null) return [];
  return check(analysis, field, single.type, single.span, wanted);
}

function literal({ pipeline }: Analysis, field: AnalysedField, wanted: string): Diagnostic {
  const { expect } = field;
  const sources = expect.is === 'artifact' ? sourcesOf(field.scope, expect.artifact) : [];
  const example = sources[0] ?? 'steps.<step>.outputs.<output>';
  const message = `${field.label} takes ${wanted}, not ${showValue(plainValue(field.authored))}`;
  return pipeline.file.error('wrong-type', field.authored.span, message, {
    hint: `refer to one: "\${{ ${example} }}"`,
  });
}

function check(
  { pipeline }: Analysis,
  field: AnalysedField,
  type: ExpressionType,
  span: { start: number; end: number },
  wanted: string,
): Diagnostic[] {
  const { file } = pipeline;
  if (type.is === 'unknown') return [];
  const { expect } = field;
  if (type.is !== 'artifact' || (expect.is === 'artifact' && type.artifact !== expect.artifact)) {
    const sources = expect.is === 'artifact' ? sourcesOf(field.scope, expect.artifact) : [];
    const hint =
      sources.length === 0
        ? null
        : `of that type: ${sources
            .slice(0, 6)
            .map((source) => `\`${source}\``)
            .join(', ')}`;
    return [
      file.error('artifact-type', span, `${field.label} takes ${wanted}; this is ${describeExpressionType(type)}`, {
        hint,
      }),
    ];
  }
  if (!type.optional || (expect.is === 'artifact' && expect.optional)) return [];
  const message = `${field.label} must be there, but the carry is absent at iteration 0`;
  return [file.error('may-be-absent', span, message, { hint: 'give the carry an `init`' })];
}

/** References that yield an artifact of that type, as the scope sees them. */
function sourcesOf(scope: Scope, artifact: string): string[] {
  const sources: string[] = [];
  if (scope.loop !== null) {
    for (const carry of scope.loop.carries.values())
      if (carry.artifact === artifact) sources.push(`carry.${carry.name}`);
  }
  for (let current: Scope | null = scope; current !== null; current = current.parent) {
    for (const step of current.steps.values()) {
      for (const [name, output] of Object.entries(step.kind?.outputs ?? {})) {
        if (output.artifact === artifact) sources.push(`steps.${step.name}.outputs.${name}`);
      }
    }
  }
  return sources;
}
