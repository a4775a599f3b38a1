// What the compiler has to say: diagnostics with a code of a closed list, a place and a way out. Never thrown.

export const diagnosticCodes = [
  'yaml-syntax',
  'bad-encoding',
  'too-large',
  'duplicate-key',
  'unknown-key',
  'missing-key',
  'wrong-type',
  'out-of-range',
  'bad-value',
  'bad-combination',
  'bad-name',
  'bad-duration',
  'duplicate-name',
  'unknown-kind',
  'unknown-input',
  'missing-input',
  'unknown-param',
  'missing-param',
  'unknown-reference',
  'out-of-scope',
  'cycle',
  'artifact-type',
  'may-be-absent',
  'may-be-skipped',
  'expression-syntax',
  'expression-type',
  'not-boolean',
  'text-around-expression',
  'file-not-found',
  'file-outside',
  'not-cached',
  'sweep-param-unknown',
  'sweep-metric-unknown',
  'asha-resource',
  'bad-cron',
  'bad-time-zone',
  'bad-webhook',
  'not-sharded',
  'not-shared',
  'bad-axis',
  'matrix-too-wide',
  'plan-too-large',
  'shadowed-name',
  'endless-loop',
  'unknown-failure-class',
  'unsupported-version',
  'no-queue',
  'plaintext-secret',
  'unused-param',
  'unused-step',
  'yaml-1-1',
  'include-cycle',
  'include-limit',
  'ignored-key',
  'not-yet',
] as const;

export type DiagnosticCode = (typeof diagnosticCodes)[number];

/** Lines and columns count from 1; the end is exclusive. Line 0: not in a file, e.g. a --set option. */
export interface Place {
  file: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

export interface Diagnostic {
  code: DiagnosticCode;
  severity: 'error' | 'warning';
  /** The fact, in the user's words. */
  message: string;
  at: Place;
  /** Other places that matter, in order. */
  related: { message: string; at: Place }[];
  /** The way out, e.g. "did you mean `sft`?". */
  hint: string | null;
}

/** Sorted by file (in the order given), place, then code, then message; without repetitions. Pure. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[], files: Iterable<string>): Diagnostic[] {
  const order = [...files];
  const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...diagnostics].sort(
    (a, b) =>
      // What is in no file, e.g. a --set option, comes first.
      order.indexOf(a.at.file) - order.indexOf(b.at.file) ||
      compare(a.at.line, b.at.line) ||
      compare(a.at.column, b.at.column) ||
      compare(a.code, b.code) ||
      compare(a.message, b.message) ||
      compare(a.at.file, b.at.file),
  );
  const seen = new Set<string>();
  return sorted.filter((diagnostic) => {
    const { at, code, message } = diagnostic;
    const identity = `${at.file}:${at.line}:${at.column}:${code}:${message}`;
    return !seen.has(identity) && seen.add(identity);
  });
}
