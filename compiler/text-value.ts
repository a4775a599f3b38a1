// A scalar of the file as a literal, one expression, or text around expressions.
import { ExpressionError } from '../expressions/expression-error.js';
import { parseExpression } from '../expressions/parse.js';
import type { ParsedExpression } from '../expressions/parse.js';
import type { AuthoredScalar, Span } from './authored.js';

export interface ExpressionPart {
  source: string;
  /** Where the source stands in the file. */
  span: Span;
  /** Whether offsets in the source are offsets in the file: not so when YAML escapes or folds lines within it. */
  exact: boolean;
  parsed: ParsedExpression | null;
  error: ExpressionError | null;
}

export type TextValue =
  | { form: 'literal'; value: AuthoredScalar['value'] }
  | { form: 'expression'; part: ExpressionPart }
  | { form: 'template'; parts: (string | ExpressionPart)[] };

const opening = '${{';

/** Splits a scalar into text and expressions and parses those. Pure. */
export function readText(text: string, scalar: AuthoredScalar): TextValue {
  if (typeof scalar.value !== 'string' || !scalar.value.includes(opening))
    return { form: 'literal', value: scalar.value };
  const parts = split(scalar.value, text, scalar.span);
  const meaningful = parts.filter((part) => typeof part !== 'string' || part.trim() !== '');
  const only = meaningful[0];
  if (meaningful.length === 1 && only !== undefined && typeof only !== 'string')
    return { form: 'expression', part: only };
  return { form: 'template', parts };
}

/** Offsets in an expression as a span of the file. Pure. */
export const spanIn = (part: ExpressionPart, range: { start: number; end: number }): Span =>
  part.exact
    ? { start: part.span.start + range.start, end: part.span.start + Math.max(range.end, range.start + 1) }
    : part.span;

function split(value: string, text: string, span: Span): (string | ExpressionPart)[] {
  const parts: (string | ExpressionPart)[] = [];
  let position = 0;
  let cursor = span.start;
  for (let open = value.indexOf(opening); open !== -1; open = value.indexOf(opening, position)) {
    if (open > position) parts.push(value.slice(position, open));
    const close = closingOf(value, open + opening.length);
    const inside = value.slice(open + opening.length, close ?? value.length);
    const part = makePart(inside, text, { start: cursor, end: span.end }, span, close === null);
    if (part.exact) cursor = part.span.end;
    parts.push(part);
    position = close === null ? value.length : close + 2;
  }
  if (position < value.length) parts.push(value.slice(position));
  return parts;
}

function makePart(inside: string, text: string, within: Span, whole: Span, unclosed: boolean): ExpressionPart {
  const source = inside.trim();
  // Within the scalar only: the rest of the file may be long.
  const written = text.slice(within.start, within.end);
  const afterOpening = written.indexOf(opening);
  const found = source === '' || afterOpening === -1 ? -1 : written.indexOf(source, afterOpening + opening.length);
  const exact = found !== -1;
  const span = exact ? { start: within.start + found, end: within.start + found + source.length } : whole;
  const fail = (message: string): ExpressionPart => ({
    source,
    span,
    exact,
    parsed: null,
    error: new ExpressionError(message, source),
  });
  if (unclosed) return fail('`${{` is not closed by `}}`');
  if (source === '') return fail('`${{ }}` is empty');
  try {
    return { source, span, exact, parsed: parseExpression(source), error: null };
  } catch (error) {
    if (error instanceof ExpressionError) return { source, span, exact, parsed: null, error };
    throw error;
  }
}

/** Offset of the `}}` that ends an expression: outside quotes and maps. */
function closingOf(value: string, from: number): number | null {
  let quote: string | null = null;
  let depth = 0;
  for (let index = from; index < value.length; index++) {
    const letter = value[index] ?? '';
    if (quote !== null) {
      if (letter === '\\') index++;
      else if (letter === quote) quote = null;
    } else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === '{') depth++;
    else if (letter === '}' && depth > 0) depth--;
    else if (letter === '}' && value[index + 1] === '}') return index;
  }
  return null;
}
