// The pipeline with its fields read, its references resolved and its expressions typed: what the rules look at and what
// lowering writes down.
import { checkExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { ExpressionError } from '../expressions/expression-error.js';
import type { Reference } from '../expressions/parse.js';
import type { AuthoredScalar, Authored } from './authored.js';
import { collectFields } from './fields.js';
import type { Field } from './fields.js';
import type { Pipeline, Step } from './pipeline.js';
import { encloses, visibleStep } from './pipeline.js';
import { childStrings } from './authored.js';
import { resolveReference } from './resolve.js';
import type { Resolution } from './resolve.js';
import { readText } from './text-value.js';
import type { ExpressionPart, TextValue } from './text-value.js';

export interface AnalysedPart {
  part: ExpressionPart;
  resolutions: { reference: Reference; resolution: Resolution }[];
  /** Null when it has a syntax error, an unknown reference or a type error. */
  type: ExpressionType | null;
  typeError: ExpressionError | null;
}

export interface AnalysedField extends Field {
  parts: AnalysedPart[];
  /** What each scalar under the field reads as. */
  texts: Map<AuthoredScalar, TextValue>;
}

export interface Analysis {
  pipeline: Pipeline;
  fields: AnalysedField[];
  /** Steps that a step waits for: by reference or `needs`, its own scope or an enclosing one. */
  deps: Map<Step, Set<Step>>;
}

/** Reads, resolves and types everything. Pure. */
export function analyse(pipeline: Pipeline): Analysis {
  const fields = collectFields(pipeline).map((field) => analyseField(pipeline, field));
  return { pipeline, fields, deps: collectDeps(pipeline, fields) };
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
    resolution: resolveReference(pipeline, field.scope, reference),
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

/** The type of a reference of an analysed part. Pure. */
export function typeOf(part: AnalysedPart, reference: Reference): ExpressionType {
  const resolution = part.resolutions.find((item) => item.reference === reference)?.resolution;
  return resolution?.ok === true ? resolution.type : { is: 'unknown', optional: false };
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
