// Places that take one expression and nothing around it; and types in words.
import type { ExpressionType } from '../expressions/check.js';
import type { AnalysedField } from './analysed-field.js';
import type { Span } from './authored.js';
import type { Diagnostic } from './diagnostics.js';
import type { SourceFile } from './source-file.js';

export type SingleExpression =
  | { form: 'literal' }
  | { form: 'around'; diagnostic: Diagnostic }
  /** `type` is null when the expression has an error of its own. */
  | { form: 'expression'; type: ExpressionType | null; span: Span };

/** What a field that should be one expression is. Pure. */
export function singleExpression(file: SourceFile, field: AnalysedField): SingleExpression {
  const text = field.authored.form === 'scalar' ? field.texts.get(field.authored) : undefined;
  if (text === undefined || text.form === 'literal') return { form: 'literal' };
  if (text.form === 'template') {
    const message = `${field.label} takes one expression; there is text around it`;
    const hint = 'write "${{ … }}" and nothing else; inside it, join with +';
    return { form: 'around', diagnostic: file.error('text-around-expression', field.authored.span, message, { hint }) };
  }
  const analysed = field.parts.find(({ part }) => part === text.part);
  return { form: 'expression', type: analysed?.type ?? null, span: text.part.span };
}

/** "a model artifact", "an integer". Pure. */
export function describeExpressionType(type: ExpressionType): string {
  if (type.is === 'artifact') return `a ${type.artifact} artifact`;
  const article = type.is === 'integer' || type.is === 'unknown' ? 'an' : 'a';
  return `${article} ${type.is === 'unknown' ? 'unknown value' : type.is}`;
}
