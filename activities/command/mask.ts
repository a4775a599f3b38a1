// Secrets in what a program writes: replaced before anything of it is kept or shown.
import { StringDecoder } from 'node:string_decoder';

const shown = '***';
/** Shorter values are no secrets, and replacing them would garble the text: `1`, `on`, `dev`. */
const shortest = 4;
/** A longer line is handed on in parts. */
const longestLine = 64 * 1024;

export interface Mask {
  /** The text without the secrets. */
  (text: string): string;
  /** Characters of the longest secret. */
  longest: number;
}

/** Makes the mask of some values. A value of several lines is also found line by line. Pure. */
export function createMask(values: readonly string[]): Mask {
  const parts = values.flatMap((value) => [value, value.trim(), ...value.split(/\r?\n/)]);
  const secrets = [...new Set(parts)].filter((part) => part.trim().length >= shortest);
  secrets.sort((a, b) => b.length - a.length);
  const mask = (text: string): string => secrets.reduce((rest, secret) => rest.replaceAll(secret, shown), text);
  return Object.assign(mask, { longest: secrets[0]?.length ?? 0 });
}

export interface MaskedLines {
  write(chunk: Buffer): void;
  /** Hands on the last line, if it has no end. */
  end(): void;
}

/** Cuts a stream of bytes into lines and hands them on, masked and with their newlines. */
export function maskedLines(mask: Mask, onLine: (line: string) => void): MaskedLines {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  const take = (text: string): void => {
    // A progress bar writes over its line: each state is a line here.
    const lines = (pending + text).split(/\r\n|[\r\n]/);
    pending = lines.pop() ?? '';
    for (const line of lines) onLine(`${mask(line)}\n`);
    if (pending.length <= longestLine) return;
    // The end may be the beginning of a secret, so it waits for what follows.
    const masked = mask(pending);
    const cut = masked.length - mask.longest;
    onLine(masked.slice(0, cut));
    pending = masked.slice(cut);
  };
  return {
    write: (chunk) => take(decoder.write(chunk)),
    end() {
      take(decoder.end());
      if (pending !== '') onLine(`${mask(pending)}\n`);
      pending = '';
    },
  };
}
