// The pipeline with its fields read, its references resolved and its expressions typed: what the rules look at and what
// lowering writes down.
import { checkExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { ExpressionError } from '../expressions/expression-error.js';
import type { AnalysedField, AnalysedPart } from './analysed-field.js';
import { typeOf } from './analysed-field.js';
import type { Authored } from './authored.js';
import { collectFields } from './fields.js';
import type { Field, FieldRole } from './fields.js';
import { readMatrix } from './matrix.js';
import type { Matrix } from './matrix.js';
import type { Param } from './params.js';
import type { Pipeline, Step, Unit } from './pipeline.js';
import { encloses, visibleStep } from './pipeline.js';
import { childStrings } from './authored.js';
import { nodeName } from './plan-names.js';
import { constantOf } from './plan-value.js';
import { resolveReference } from './resolve.js';
import { checkScalar, planScalar } from './scalar-check.js';
import { readText } from './text-value.js';
import type { ExpressionPart } from './text-value.js';

export interface Analysis {
  pipeline: Pipeline;
  fields: AnalysedField[];
  /** The same by the step they belong to; null: the outputs and metrics of all files. */
  fieldsOf: ReadonlyMap<Step | null, AnalysedField[]>;
  /** Steps that a step waits for: by reference or `needs`, its own scope or an enclosing one; within a file. */
  deps: Map<Step, Set<Step>>;
  /** What a step that inlines a file gives to a param of it; undefined where it gives nothing. */
  given(step: Step, param: string): AnalysedField | undefined;
  /** What a file hands out, e.g. its output `model`. */
  exported(unit: Unit, role: 'output' | 'metric', name: string): AnalysedField | undefined;
}

/** Reads, resolves and types everything. Pure but for the units, which learn what they hand out and what they are given. */
export function analyse(pipeline: Pipeline): Analysis {
  readMatrices(pipeline, false);
  const ofUnits = new Map<Unit, AnalysedField[]>();
  // Backwards, for a file is typed by what the files that it inlines hand out.
  for (const unit of [...pipeline.units].reverse()) {
    const fields = collectFields(unit).map((field) => analyseField(pipeline, field));
    for (const field of fields) learnExport(unit, field);
    ofUnits.set(unit, fields);
  }
  const fields = pipeline.units.flatMap((unit) => ofUnits.get(unit) ?? []);
  giveParams(fields);
  readMatrices(pipeline, true);
  const fieldsOf = byOwner(fields);
  return {
    pipeline,
    fields,
    fieldsOf,
    deps: collectDeps(pipeline, fields),
    given: (step, param) => fieldsOf.get(step)?.find((field) => field.role === 'input' && field.name === param),
    exported: (unit, role, name) => ofUnits.get(unit)?.find((field) => isExport(field, role, name)),
  };
}

const isExport = (field: Field, role: FieldRole, name: string): boolean =>
  field.owner === null && field.role === role && field.name === name;

/** The matrices of all steps; `again`: of those in inlined files, which now know what they are given. */
function readMatrices({ steps, file }: Pipeline, again: boolean): void {
  for (const step of steps) {
    const { unit } = step.scope;
    const isInlined = unit.by !== null;
    if (step.form !== 'step' || (again && !isInlined)) continue;
    const params = isInlined && !again ? new Map<string, Param>() : unit.params;
    step.matrix = readMatrix(nodeName(step), step.map, params, file.text);
  }
}

function learnExport(unit: Unit, field: AnalysedField): void {
  const section = field.role === 'output' ? unit.outputs : field.role === 'metric' ? unit.metrics : null;
  const unknown: ExpressionType = { is: 'unknown', optional: false };
  section?.set(field.name, field.parts.length === 1 ? (field.parts[0]?.type ?? unknown) : unknown);
}

/** The values of the params of inlined files, where they are known before the run; from the outermost file inwards. */
function giveParams(fields: AnalysedField[]): void {
  for (const field of fields) {
    const param = field.role === 'input' ? field.owner?.included?.params.get(field.name) : undefined;
    if (param?.declaration == null) continue;
    const constant = constantOf(field);
    const fits = constant.known && checkScalar(constant.value, param.declaration, '') === null;
    // What an expression computes is in milliseconds already.
    const isAsPlanned = param.type === 'duration' && field.parts.length > 0;
    if (isAsPlanned && constant.known && typeof constant.value === 'number') param.value = constant.value;
    else param.value = fits ? planScalar(constant.value, param.declaration.type) : undefined;
  }
}

function analyseField(pipeline: Pipeline, field: Field): AnalysedField {
  const texts: AnalysedField['texts'] = new Map();
  readScalars(field.authored, pipeline.file.text, texts);
  const parts = [...texts.values()].flatMap((text) =>
    text.form === 'expression'
      ? [text.part]
      : text.form === 'template'
        ? text.parts.filter((part) => typeof part !== 'string')
        : [],
  );
  return { ...field, texts, parts: parts.map((part) => analysePart(pipeline, field, part)) };
}

function readScalars(authored: Authored, text: string, texts: AnalysedField['texts']): void {
  if (authored.form === 'scalar') texts.set(authored, readText(text, authored));
  else if (authored.form === 'list') for (const item of authored.items) readScalars(item, text, texts);
  else for (const { value } of authored.entries.values()) readScalars(value, text, texts);
}

function analysePart(pipeline: Pipeline, field: Field, part: ExpressionPart): AnalysedPart {
  const references = part.parsed?.references ?? [];
  const resolutions = references.map((reference) => ({
    reference,
    resolution: resolveReference(field.scope, reference, matrixSeenBy(field), pipeline.baseline),
  }));
  const analysed: AnalysedPart = { part, resolutions, type: null, typeError: null };
  if (part.parsed === null || resolutions.some(({ resolution }) => !resolution.ok)) return analysed;
  try {
    return { ...analysed, type: checkExpression(part.parsed, (reference) => typeOf(analysed, reference)) };
  } catch (error) {
    if (error instanceof ExpressionError) return { ...analysed, typeError: error };
    throw error;
  }
}

/** The axes themselves and `else`, which stands in for all cells, belong to no cell. */
const matrixSeenBy = ({ role, owner }: Field): Matrix | null =>
  role === 'axis' || role === 'else' ? null : (owner?.matrix ?? null);

function byOwner(fields: AnalysedField[]): Analysis['fieldsOf'] {
  const found = new Map<Step | null, AnalysedField[]>();
  for (const field of fields) {
    const own = found.get(field.owner);
    if (own === undefined) found.set(field.owner, [field]);
    else own.push(field);
  }
  return found;
}

function collectDeps(pipeline: Pipeline, fields: AnalysedField[]): Analysis['deps'] {
  const deps: Analysis['deps'] = new Map(pipeline.steps.map((step) => [step, new Set<Step>()]));
  for (const field of fields) {
    for (const { resolutions } of field.parts) {
      for (const { resolution } of resolutions) {
        if (resolution.ok && resolution.target !== null) addDep(deps, field.owner, resolution.target);
      }
    }
  }
  for (const step of pipeline.steps) {
    for (const { value } of childStrings(step.map, 'needs')) {
      const target = visibleStep(step.scope, value);
      if (target !== null && (target.inner === null || !encloses(target.inner, step.scope))) addDep(deps, step, target);
    }
  }
  return deps;
}

/** `owner` waits for `target`, and so do the loops that `owner` stands in, up to the scope of `target`. */
function addDep(deps: Analysis['deps'], owner: Step | null, target: Step): void {
  for (let waiting = owner; waiting !== null; waiting = waiting.scope.loop) {
    if (encloses(target.scope, waiting.scope)) deps.get(waiting)?.add(target);
  }
}
