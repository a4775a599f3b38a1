// The pipeline file while it is compiled: offsets become places, facts become diagnostics.
import type { Span } from './authored.js';
import type { Diagnostic, DiagnosticCode, Place } from './diagnostics.js';

export interface SourceFile {
  /** As the user named it; shown in messages only. */
  path: string;
  text: string;
  place(span: Span): Place;
  error(code: DiagnosticCode, span: Span, message: string, more?: DiagnosticDetails): Diagnostic;
  warning(code: DiagnosticCode, span: Span, message: string, more?: DiagnosticDetails): Diagnostic;
}

export interface DiagnosticDetails {
  hint?: string | null;
  related?: { message: string; span: Span }[];
}

/** Pure. */
export function makeSourceFile(path: string, text: string): SourceFile {
  const lineStarts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lineStarts.push(index + 1);
  const locate = (offset: number): [line: number, column: number] => {
    let low = 0;
    let high = lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return [low + 1, offset - (lineStarts[low] ?? 0) + 1];
  };
  const place = ({ start, end }: Span): Place => {
    const [line, column] = locate(start);
    const [endLine, endColumn] = locate(Math.max(start, end));
    return { file: path, line, column, endLine, endColumn };
  };
  const say =
    (severity: Diagnostic['severity']) =>
    (code: DiagnosticCode, span: Span, message: string, more: DiagnosticDetails = {}): Diagnostic => ({
      code,
      severity,
      message,
      at: place(span),
      related: (more.related ?? []).map((item) => ({ message: item.message, at: place(item.span) })),
      hint: more.hint ?? null,
    });
  return { path, text, place, error: say('error'), warning: say('warning') };
}
