// The text as a YAML document, within limits of size, depth and number of errors, so that any text is answered soon.
import { Composer, Lexer, Parser } from 'yaml';
import type { Document } from 'yaml';
import type { Span } from './authored.js';
import type { DiagnosticCode } from './diagnostics.js';
import { strayCharacter } from './encoding.js';
import { unquotedExpressions } from './unquoted-expressions.js';

/** What is wrong with a text; spans count from its start. */
export interface TextProblem {
  code: DiagnosticCode;
  span: Span;
  message: string;
  hint: string | null;
  related?: { message: string; span: Span }[];
}

/** Characters; a pipeline of 2,000 steps has about 600,000. */
const maxLength = 2 ** 20;
/** Smallest pieces of the text: names, marks, line breaks. */
const maxTokens = 150_000;
/** Of the parser's stack: a level of nesting takes up to two places. */
const maxStack = 160;
const maxErrors = 100;

/** Parses YAML 1.2 (core schema). `document` is null when the text is not YAML, or too large. Pure; never throws on bad text. */
export function parseYaml(text: string): { document: Document | null; problems: TextProblem[] } {
  if (text.length > maxLength) {
    const message = `the file has ${(text.length / 2 ** 20).toFixed(1)} MiB; a pipeline has at most 1 MiB`;
    return refused({ start: 0, end: 1 }, message, 'put data into files of their own');
  }
  const stray = strayCharacter(text);
  if (stray !== null) {
    const span = { start: stray.at, end: stray.at + 1 };
    return { document: null, problems: [{ code: 'bad-encoding', span, message: stray.message, hint: null }] };
  }
  try {
    return composed(text);
  } catch (error) {
    if (error instanceof TooLarge) return refused({ start: error.at, end: error.at + 1 }, error.message, null);
    // The parser's own recursion, on texts that stay within the limits above.
    if (error instanceof RangeError) return refused({ start: 0, end: 1 }, 'the file is too deeply nested', null);
    throw error;
  }
}

const refused = (span: Span, message: string, hint: string | null): { document: null; problems: TextProblem[] } => ({
  document: null,
  problems: [{ code: 'too-large', span, message, hint }],
});

class TooLarge extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

function* tokensOf(text: string): ReturnType<Parser['parse']> {
  const parser = new Parser();
  let left = maxTokens;
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    left -= 1;
    if (left < 0) throw new TooLarge('the file is longer than any pipeline', parser.offset);
    if (parser.stack.length > maxStack) throw new TooLarge('maps and lists are nested too deep', parser.offset);
  }
  yield* parser.end();
}

function composed(text: string): { document: Document | null; problems: TextProblem[] } {
  const composer = new Composer({
    ...{ version: '1.2', schema: 'core', merge: true, prettyErrors: false, keepSourceTokens: false },
    // compiler/parse-text.ts finds them, in time that does not grow with the square of the keys.
    uniqueKeys: false,
  });
  const faults: Fault[] = [];
  collectInto(faults, composer);
  const documents: Document[] = [];
  try {
    for (const document of composer.compose(tokensOf(text), true, text.length)) {
      documents.push(document);
      faults.push(...[...document.errors, ...document.warnings].slice(0, maxErrors));
      if (documents.length > 1) break;
    }
  } catch (error) {
    if (!(error instanceof TooManyFaults)) throw error;
  }
  const [document, second] = documents;
  const next = second?.range?.[0];
  if (next !== undefined) faults.push({ pos: [next, next + 1], ...severalDocuments });
  return { document: faults.length > 0 ? null : (document ?? null), problems: explained(text, faults) };
}

/** The faults without echoes: once the parser is lost, every piece of the text is one more to it. */
function explained(text: string, faults: readonly Fault[]): TextProblem[] {
  if (faults.length === 0) return [];
  const unquoted = unquotedExpressions(text);
  const isEcho = ({ pos: [start], message }: Fault, index: number): boolean =>
    (index > 0 && message.includes('in YAML stream')) ||
    unquoted.some((span) => start >= span.start && start <= span.end);
  const others = faults.filter((fault, index) => !isEcho(fault, index)).map(problemOf);
  return [...unquoted.map((span) => unquotedProblem(text, span)), ...others];
}

function unquotedProblem(text: string, span: Span): TextProblem {
  const expression = text.slice(span.start, span.end);
  const quote = expression.includes('"') ? "'" : '"';
  const message = 'not YAML: within { } or [ ] an expression must be in quotes';
  const isWhole = /[:,[{]\s*$/.test(text.slice(Math.max(0, span.start - 20), span.start));
  const hint = isWhole ? `write ${quote}${expression}${quote}` : 'put the whole value in quotes';
  return { code: 'yaml-syntax', span, message, hint };
}

/** An error or warning of the library. */
interface Fault {
  pos: [number, number];
  code: string;
  message: string;
}

class TooManyFaults extends Error {}

type FaultSource = number | [number, number, ...unknown[]] | { offset: number; source?: string };

/**
 * What is wrong goes into `faults`, up to a limit: a text with a fault at each character would take minutes otherwise.
 * The library has no such limit, so its handler is replaced; it is private, but TypeScript checks that it is there.
 */
function collectInto(faults: Fault[], composer: Composer): void {
  composer['onError'] = (source: FaultSource, code: string, message: string) => {
    if (faults.length < maxErrors) faults.push({ pos: positionOf(source), code, message });
    else throw new TooManyFaults();
  };
}

function positionOf(source: FaultSource): [number, number] {
  if (typeof source === 'number') return [source, source + 1];
  if (Array.isArray(source)) return [source[0], source[1]];
  return [source.offset, source.offset + (source.source?.length ?? 1)];
}

const severalDocuments = { code: 'MULTIPLE_DOCS', message: 'there are several documents in the file' };

const hints: Record<string, string> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'align the keys of one map',
  MULTILINE_IMPLICIT_KEY: 'put a text that contains ": " in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a text that contains ": " in quotes',
  MULTIPLE_DOCS: 'a pipeline file holds one document: remove the line `---`',
  TAG_RESOLVE_FAILED: 'tags have no meaning in a pipeline: remove it',
};

function problemOf({ pos: [start, end], code, message }: Fault): TextProblem {
  const sentence = message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  const span = { start, end: Math.max(end, start + 1) };
  return { code: 'yaml-syntax', span, message: `not YAML: ${sentence}`, hint: hints[code] ?? null };
}
