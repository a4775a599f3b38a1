// Text files line by line, and JSON Lines, with the place of every error. Reads in chunks, so a file may be larger than memory.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { dataError } from './retrieval-error.js';

export interface TextLine {
  text: string;
  /** From 1. */
  line: number;
}

/**
 * The lines of a UTF-8 file without their ends (LF or CRLF) and without a byte order mark; of one that ends in .gz, of what is
 * compressed in it. `label` names the file in errors. Fails with class `data` when the file is missing, not UTF-8 or not gzip.
 */
export async function* readLines(path: string, label: string): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let line = 0;
  try {
    for await (const chunk of bytesOf(path)) {
      const lines = (rest + decode(decoder, chunk, label, line)).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) yield { text: withoutReturn(text), line: ++line };
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw dataError(label, null, 'the file is missing');
    if (codeOf(error).startsWith('Z_'))
      throw dataError(label, null, 'the file cannot be decompressed; expected gzip, as its name says');
    throw error;
  }
  rest += decode(decoder, null, label, line);
  if (rest !== '') yield { text: withoutReturn(rest), line: line + 1 };
}

function bytesOf(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  // Errors of the file reach the reader through the last stream.
  return path.endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;
}

/** Where a value stands and what it should be, for errors. */
export interface LinePlace {
  file: string;
  /** Null where `file` says it all: `train.json[3]`. */
  line: number | null;
  expected: string;
}

/** The values of a JSON Lines file, each with its place; blank lines are skipped. `expected` says in errors what a line should be. */
export async function* readJsonl(
  path: string,
  label: string,
  expected: string,
): AsyncGenerator<{ value: unknown; line: number; at: LinePlace }> {
  for await (const { text, line } of readLines(path, label)) {
    if (text.trim() === '') continue;
    const at = { file: label, line, expected };
    yield { value: parseLine(text, at), line, at };
  }
}

function parseLine(text: string, { file, line, expected }: LinePlace): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw dataError(file, line, `this is not JSON (${reason}); expected ${expected} on one line`);
  }
}

/** Whether a value is a JSON object, for reading its fields. Pure. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field that must be a non-empty string; fails with class `data` and the place. Pure. */
export function stringField(value: unknown, field: string, { file, line, expected }: LinePlace): string {
  const found = isObject(value) ? value[field] : undefined;
  if (typeof found === 'string' && found !== '') return found;
  const what = !isObject(value)
    ? 'this line is not an object'
    : found === undefined
      ? `\`${field}\` is missing`
      : `\`${field}\` is ${JSON.stringify(found)}, not a non-empty string`;
  throw dataError(file, line, `${what}; expected ${expected}`);
}

function decode(decoder: TextDecoder, chunk: Buffer | null, label: string, linesBefore: number): string {
  try {
    return chunk === null ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    const line = linesBefore + 1 + linesUntilDamage(chunk);
    throw dataError(label, line, 'there are bytes that are not UTF-8; save the file as UTF-8');
  }
}

/** How many whole lines of the chunk come before the first that does not decode. */
function linesUntilDamage(chunk: Buffer | null): number {
  const lines = chunk?.toString('utf8').split('\n') ?? [];
  return Math.max(
    0,
    lines.findIndex((line) => line.includes('\uFFFD')),
  );
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
