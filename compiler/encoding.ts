// Bytes as text, and characters that are none. YAML is UTF-8 here; what is something else is refused with its place.
import type { Diagnostic } from './diagnostics.js';
import { makeSourceFile } from './source-file.js';

/**
 * The text of a file, without a byte order mark. Where its bytes are not UTF-8, `problem` says which, and `text` has a
 * replacement character in their place. Pure.
 */
export function decodeText(path: string, bytes: Uint8Array): { text: string; problem: Diagnostic | null } {
  const text = new TextDecoder('utf-8').decode(bytes);
  if (bytes.length >= 2 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)))
    return { text, problem: badBytes(path, text, 0, 'the file is UTF-16, not UTF-8') };
  if (!text.includes('\ufffd')) return { text, problem: null };
  const offset = firstInvalid(bytes);
  if (offset === null) return { text, problem: null };
  const before = new TextDecoder('utf-8').decode(bytes.subarray(0, offset));
  const byte = bytes[offset] ?? 0;
  const latin = byte >= 0xa0 ? `, in Latin-1 ${String.fromCharCode(byte)}` : '';
  const fact = `the file is not UTF-8: the byte 0x${hex(byte, 2)}${latin}, at offset ${offset} of the file`;
  return { text, problem: badBytes(path, text, before.length, fact) };
}

const badBytes = (path: string, text: string, at: number, fact: string): Diagnostic =>
  makeSourceFile(path, text).error('bad-encoding', { start: at, end: at + 1 }, fact, { hint: 'save it as UTF-8' });

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** Offset of the first byte that is not part of a UTF-8 character. */
function firstInvalid(bytes: Uint8Array): number | null {
  let at = 0;
  while (at < bytes.length) {
    const length = lengthOfCharacter(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return null;
}

/** The ranges of a character's first byte and what its second byte may be (Unicode 15, table 3-7), with its length. */
const characters = [
  { first: [0x00, 0x7f], second: [0x00, 0xff], length: 1 },
  { first: [0xc2, 0xdf], second: [0x80, 0xbf], length: 2 },
  { first: [0xe0, 0xe0], second: [0xa0, 0xbf], length: 3 },
  { first: [0xe1, 0xec], second: [0x80, 0xbf], length: 3 },
  { first: [0xed, 0xed], second: [0x80, 0x9f], length: 3 },
  { first: [0xee, 0xef], second: [0x80, 0xbf], length: 3 },
  { first: [0xf0, 0xf0], second: [0x90, 0xbf], length: 4 },
  { first: [0xf1, 0xf3], second: [0x80, 0xbf], length: 4 },
  { first: [0xf4, 0xf4], second: [0x80, 0x8f], length: 4 },
] as const;

/** Bytes of the character at `at`; 0 when it is none. */
function lengthOfCharacter(bytes: Uint8Array, at: number): number {
  const isIn = (offset: number, [low, high]: readonly [number, number]): boolean => {
    const byte = bytes[at + offset] ?? 0x100;
    return byte >= low && byte <= high;
  };
  const form = characters.find(({ first }) => isIn(0, first));
  if (form === undefined) return 0;
  if (form.length === 1) return 1;
  const rest = [0x80, 0xbf] as const;
  const isWhole = isIn(1, form.second) && (form.length < 3 || isIn(2, rest)) && (form.length < 4 || isIn(3, rest));
  return isWhole ? form.length : 0;
}

/** The first character of a text that cannot stand in a YAML file: a control character or half of a surrogate pair. Pure. */
export function strayCharacter(text: string): { at: number; message: string } | null {
  const match = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\p{Surrogate}/u.exec(text);
  if (match === null) return null;
  const code = match[0].charCodeAt(0);
  const message =
    code >= 0xd800
      ? `half of a surrogate pair (U+${hex(code, 4)}), which is no character`
      : `the control character U+${hex(code, 4)} cannot stand in a YAML file`;
  return { at: match.index, message };
}

/** Why a value that an escape made (`"\ud800"`, `"\0"`) is no text; null when it is. Pure. */
export function characterProblem(value: string): string | null {
  const half = /\p{Surrogate}/u.exec(value);
  if (half !== null)
    return `the text holds half of a surrogate pair (U+${hex(half[0].charCodeAt(0), 4)}), which is no character`;
  return value.includes('\0') ? 'the text holds the character U+0000' : null;
}
