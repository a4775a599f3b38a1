// A place that takes a value, with its expressions resolved and typed.
import type { ExpressionType } from '../expressions/check.js';
import type { ExpressionError } from '../expressions/expression-error.js';
import type { Reference } from '../expressions/parse.js';
import type { AuthoredScalar } from './authored.js';
import type { Field } from './fields.js';
import type { Resolution } from './resolution.js';
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

/** The type of a reference of an analysed part. Pure. */
export function typeOf(part: AnalysedPart, reference: Reference): ExpressionType {
  const resolution = part.resolutions.find((item) => item.reference === reference)?.resolution;
  return resolution?.ok === true ? resolution.type : { is: 'unknown', optional: false };
}
