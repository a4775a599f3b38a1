// bad-combination: inputs that a step kind refuses together (`refuses` of its declaration), where their values are known before
// the run. What is known only then is refused at the start of the step.
import { inputsOf, refusedBy, withDefaults } from '../../expressions/refusals.js';
import type { Refusal, Refused } from '../../expressions/refusals.js';
import type { Cell } from '../../schemas/generated/plan.js';
import type { StepKind } from '../../schemas/generated/step-kind.js';
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import { child } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Step } from '../pipeline.js';
import { constantOf } from '../plan-value.js';
import { planScalar } from '../scalar-check.js';
import type { Rule } from './rule.js';

export const combinations: Rule = (analysis) =>
  analysis.pipeline.steps.flatMap((step) => {
    const cells = step.matrix === null ? [null] : (step.matrix.cells ?? []);
    const found = cells.flatMap((cell) =>
      refusalsOf(analysis, step, cell).flatMap((refusal) => check(analysis, step, refusal, cell)),
    );
    return found.length > 0 && isNeverRun(analysis, step) ? [] : found;
  });

/** Of its kind, and where it runs as several those of the kind of its shards, which take inputs of the same names. */
function refusalsOf({ pipeline, fieldsOf }: Analysis, step: Step, cell: Cell | null): readonly Refusal[] {
  const own = step.kind?.refuses ?? [];
  const shards = fieldsOf.get(step)?.find(({ role }) => role === 'shards');
  if (shards === undefined || step.kind?.shards === undefined) return own;
  const count = constantOf(shards, cell);
  const isOne = count.known && count.value === 1;
  return isOne ? own : [...own, ...(pipeline.kinds[step.kind.shards.kind]?.refuses ?? [])];
}

/** Whether its condition, or that of a loop or file around it, is false whatever happens. */
function isNeverRun({ fieldsOf }: Analysis, step: Step): boolean {
  for (let around: Step | null = step; around !== null; around = around.scope.loop ?? around.scope.unit.by) {
    const { map } = around;
    const condition = fieldsOf.get(around)?.find(({ authored }) => authored === child(map, 'if'));
    const constant = condition === undefined ? null : constantOf(condition);
    if (constant?.known === true && constant.value === false) return true;
  }
  return false;
}

function check(analysis: Analysis, step: Step, refusal: Refusal, cell: Cell | null): Diagnostic[] {
  const values: Record<string, unknown> = {};
  const written: AnalysedField[] = [];
  for (const name of inputsOf(refusal)) {
    const field = analysis.given(step, name);
    const value = valueOf(step.kind?.inputs[name], field, cell);
    if (value === undefined) return [];
    values[name] = value;
    if (field !== undefined) written.push(field);
  }
  const refused = written.length > 0 ? refusedBy(refusal, values) : refusedOfDefaults(refusal, values);
  if (refused === null) return [];
  const [first, ...others] = written;
  const related = others.map(({ name, authored }) => ({ message: `\`${name}\` is here`, span: authored.span }));
  const span = first?.authored.span ?? step.key;
  return [analysis.pipeline.file.error('bad-combination', span, refused.says, { hint: refused.help, related })];
}

const ofDefaults = new WeakMap<Refusal, { refused: Refused | null }>();

/** The same for a step that gives none of the inputs: it is the same for all of them, and most steps are such. */
function refusedOfDefaults(refusal: Refusal, values: Record<string, unknown>): Refused | null {
  const known = ofDefaults.get(refusal) ?? { refused: refusedBy(refusal, values) };
  ofDefaults.set(refusal, known);
  return known.refused;
}

/** The value of an input as refusals see it; undefined where it is not known before the run. */
function valueOf(
  declared: StepKind['inputs'][string] | undefined,
  field: AnalysedField | undefined,
  cell: Cell | null,
): unknown {
  if (declared === undefined) return undefined;
  if ('artifact' in declared) return field === undefined ? null : namesOf(field);
  if (field === undefined) return withDefaults(declared, null);
  const constant = constantOf(field, cell);
  if (!constant.known) return undefined;
  if (declared.type === 'file' || declared.type === 'folder') return constant.value === null ? null : [];
  return withDefaults(declared, planScalar(constant.value, declared.type));
}

/** The names of artifacts that are given; undefined where one may be absent. */
function namesOf({ authored, parts }: AnalysedField): string[] | undefined {
  if (parts.some(({ type }) => type === null || type.optional)) return undefined;
  return authored.form === 'map' ? [...authored.entries.keys()].sort() : [];
}
