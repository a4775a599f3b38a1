// Diagnostics for people: place, message, code, the line with a caret, related places, the way out.
import type { Diagnostic, Place } from './diagnostics.js';

/** Files by path, as places name them. */
export type Texts = ReadonlyMap<string, string>;

/** The text of all diagnostics, one after the other, with a blank line between; ends without a line break. Pure. */
export const formatDiagnostics = (diagnostics: readonly Diagnostic[], texts: Texts): string =>
  diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, texts)).join('\n\n');

/** One diagnostic: `file:line:col: message [code]`, source line, caret, related places, hint. Pure. */
export function formatDiagnostic(diagnostic: Diagnostic, texts: Texts): string {
  const { at, message, code, related, hint, severity } = diagnostic;
  const prefix = severity === 'warning' ? 'warning: ' : '';
  return [
    `${where(at)}: ${prefix}${message} [${code}]`,
    ...frame(at, texts.get(at.file) ?? ''),
    ...related.map((item) => `  ${where(item.at)}: ${item.message}`),
    ...(hint === null ? [] : [`  = ${hint}`]),
  ].join('\n');
}

const where = ({ file, line, column }: Place): string => (line === 0 ? file : `${file}:${line}:${column}`);

const maxWidth = 160;

/** The source line with its number and a caret under the place; nothing for a place that is in no file. */
function frame(at: Place, text: string): string[] {
  const line = at.line === 0 ? undefined : text.split('\n')[at.line - 1];
  if (line === undefined) return [];
  const source = line.replace(/\r$/, '');
  const end = at.endLine === at.line ? at.endColumn : source.length + 1;
  // A long line is shown from a little before the place.
  const from = at.column - 1 > maxWidth - 40 ? at.column - 1 - 40 : 0;
  const shown = source.slice(from, from + maxWidth);
  const gutter = String(at.line);
  const indent = shown.slice(0, at.column - 1 - from).replace(/[^\t]/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(end - at.column, maxWidth - indent.length)));
  return [`  ${gutter} | ${shown}`, `  ${' '.repeat(gutter.length)} | ${indent}${carets}`];
}
