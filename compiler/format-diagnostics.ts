// Diagnostics for people: place, message, code, the line with a caret, related places, the way out.
import type { Diagnostic, Place } from './diagnostics.js';

/** Files by path, as places name them. */
export type Texts = ReadonlyMap<string, string>;

/** The text of all diagnostics, one after the other, with a blank line between; ends without a line break. Pure. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], texts: Texts): string {
  const linesOf = linesOfFiles(texts);
  return diagnostics.map((diagnostic) => format(diagnostic, linesOf)).join('\n\n');
}

/** One diagnostic: `file:line:col: message [code]`, source line, caret, related places, hint. Pure. */
export const formatDiagnostic = (diagnostic: Diagnostic, texts: Texts): string =>
  format(diagnostic, linesOfFiles(texts));

type Lines = (file: string) => readonly string[];

/** Each file is split once. */
function linesOfFiles(texts: Texts): Lines {
  const split = new Map<string, readonly string[]>();
  return (file) => {
    const lines = split.get(file) ?? (texts.get(file) ?? '').split('\n');
    split.set(file, lines);
    return lines;
  };
}

function format(diagnostic: Diagnostic, linesOf: Lines): string {
  const { at, message, code, related, hint, severity } = diagnostic;
  const prefix = severity === 'warning' ? 'warning: ' : '';
  return [
    `${where(at)}: ${prefix}${visible(message)} [${code}]`,
    ...sourceFrame(at, linesOf(at.file)),
    ...related.map((item) => `  ${where(item.at)}: ${visible(item.message)}`),
    ...(hint === null ? [] : [`  = ${visible(hint)}`]),
  ].join('\n');
}

const where = ({ file, line, column }: Place): string => (line === 0 ? file : `${file}:${line}:${column}`);

/** Without what a terminal would obey: control characters and halves of pairs as one replacement character each. Pure. */
export const visible = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]|\p{Surrogate}/gu, '\ufffd');

const maxWidth = 160;

/** The source line with its number and a caret under the place; nothing for a place that is in no file. Pure. */
export function sourceFrame(at: Place, lines: readonly string[]): string[] {
  const line = at.line === 0 ? undefined : lines[at.line - 1];
  if (line === undefined) return [];
  const source = line.replace(/\r$/, '');
  const end = at.endLine === at.line ? at.endColumn : source.length + 1;
  // A long line is shown from a little before the place.
  const from = at.column - 1 > maxWidth - 40 ? at.column - 1 - 40 : 0;
  const shown = visible(source.slice(from, from + maxWidth));
  const gutter = String(at.line);
  const indent = shown.slice(0, at.column - 1 - from).replace(/[^\t]/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(end - at.column, maxWidth - indent.length)));
  return [`  ${gutter} | ${shown}`, `  ${' '.repeat(gutter.length)} | ${indent}${carets}`];
}
