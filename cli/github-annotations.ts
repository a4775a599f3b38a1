// Diagnostics as workflow commands of GitHub Actions, which shows them at their lines in a pull request.
import type { Diagnostic } from '../compiler/diagnostics.js';
import type { CheckedFile } from './commands/validate.js';

/** One command a diagnostic. Pure. */
export const githubLines = (files: readonly CheckedFile[]): string[] =>
  files.flatMap(({ diagnostics }) => diagnostics.map(command));

function command({ severity, code, message, at, related, hint }: Diagnostic): string {
  const lines = [
    message,
    ...related.map((item) => `${item.at.file}:${item.at.line}:${item.at.column}: ${item.message}`),
    ...(hint === null ? [] : [hint]),
  ];
  const properties = [['file', at.file], ...placeOf(at), ['title', `pawl: ${code}`]];
  const shown = properties.map(([name, value]) => `${name}=${escapeProperty(String(value))}`).join(',');
  return `::${severity} ${shown}::${escapeData(lines.join('\n'))}`;
}

/** Columns are shown within one line only, and there the last one counts; without a line the file as a whole is meant. */
function placeOf(at: Diagnostic['at']): [string, number][] {
  if (at.line === 0) return [];
  if (at.endLine !== at.line) return [['line', at.line], ['endLine', at.endLine]]; // prettier-ignore
  return [
    ['line', at.line],
    ['col', at.column],
    ['endColumn', Math.max(at.column, at.endColumn - 1)],
  ];
}

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapeProperty = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
