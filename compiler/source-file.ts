// The text that is compiled: the pipeline file, and behind it the files it inlines, in one address space. A span says
// where it is, in whichever file; offsets become places, facts become diagnostics.
import type { Span } from './authored.js';
import type { Diagnostic, DiagnosticCode, Place } from './diagnostics.js';

export interface SourceFile {
  /** The pipeline file as the user named it; shown in messages only. */
  readonly path: string;
  /** All files one after the other: spans are offsets into it. */
  readonly text: string;
  place(span: Span): Place;
  error(code: DiagnosticCode, span: Span, message: string, more?: DiagnosticDetails): Diagnostic;
  warning(code: DiagnosticCode, span: Span, message: string, more?: DiagnosticDetails): Diagnostic;
  /** Adds a file that is used at `usedAt`, once for each use; the offset at which it begins. */
  add(path: string, text: string, usedAt: Span): number;
  /** The texts by path, as places name them; the pipeline file first. */
  texts(): Map<string, string>;
}

export interface DiagnosticDetails {
  hint?: string | null;
  related?: { message: string; span: Span }[];
}

interface Source {
  path: string;
  text: string;
  base: number;
  lineStarts: number[];
  usedAt: Span | null;
}

/** The pipeline file, alone at first. */
export function makeSourceFile(path: string, text: string): SourceFile {
  const sources: Source[] = [sourceOf(path, text, 0, null)];
  let all = text;
  const sourceAt = (offset: number): Source => {
    const index = lastAtMost(sources.length, (item) => (sources[item]?.base ?? 0) <= offset);
    return sources[index] ?? bug();
  };
  const place = ({ start, end }: Span): Place => {
    const source = sourceAt(start);
    const [line, column] = locate(source, start);
    const [endLine, endColumn] = locate(source, Math.max(start, end));
    return { file: source.path, line, column, endLine, endColumn };
  };
  const uses = (span: Span): Diagnostic['related'] => {
    const { usedAt } = sourceAt(span.start);
    return usedAt === null ? [] : [{ message: 'used here', at: place(usedAt) }, ...uses(usedAt)];
  };
  const say =
    (severity: Diagnostic['severity']) =>
    (code: DiagnosticCode, span: Span, message: string, more: DiagnosticDetails = {}): Diagnostic => ({
      code,
      severity,
      message,
      at: place(span),
      related: [
        ...(more.related ?? []).map((item) => ({ message: item.message, at: place(item.span) })),
        ...uses(span),
      ],
      hint: more.hint ?? null,
    });
  return {
    path,
    get text() {
      return all;
    },
    place,
    error: say('error'),
    warning: say('warning'),
    add: (added, addedText, usedAt) => {
      // A line break between, so that the end of one file is not the start of the next.
      const base = all.length + 1;
      sources.push(sourceOf(added, addedText, base, usedAt));
      all = `${all}\n${addedText}`;
      return base;
    },
    texts: () => new Map(sources.map((source) => [source.path, source.text])),
  };
}

function bug(): never {
  throw new Error('Internal error: a place before the start of the file');
}

function sourceOf(path: string, text: string, base: number, usedAt: Span | null): Source {
  const lineStarts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lineStarts.push(index + 1);
  return { path, text, base, lineStarts, usedAt };
}

/** Line and column, from 1. */
function locate({ base, lineStarts }: Source, position: number): [line: number, column: number] {
  const offset = position - base;
  const line = lastAtMost(lineStarts.length, (index) => (lineStarts[index] ?? 0) <= offset);
  return [line + 1, offset - (lineStarts[line] ?? 0) + 1];
}

/** The last index for which `holds`, given that it holds for a first stretch that is not empty. */
function lastAtMost(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
