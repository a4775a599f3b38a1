// What a trainer writes to stderr: kept whole in a log file, and its last lines in memory for the message of a failure.
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const tailBytes = 4096;
const maxLogBytes = 16 * 2 ** 20;

export interface StderrLog {
  /** Takes a chunk of stderr. */
  write(chunk: Buffer): void;
  /** The last lines, at most 4 kB. */
  tail(): string;
  close(): void;
}

/** Opens the log of a trainer at `path` for appending; a log beyond 16 MB moves to `<path>.1` first. */
export function openStderrLog(path: string): StderrLog {
  mkdirSync(dirname(path), { recursive: true });
  if (sizeOf(path) > maxLogBytes) renameSync(path, `${path}.1`);
  const file = createWriteStream(path, { flags: 'a' });
  // A full disk must not take the worker down; the tail in memory still explains a failure.
  file.on('error', () => file.destroy());
  let recent = Buffer.alloc(0);
  return {
    write(chunk) {
      if (file.writable) file.write(chunk);
      recent = Buffer.concat([recent, chunk]).subarray(-tailBytes);
    },
    tail: () => wholeLines(recent),
    close: () => void file.end(),
  };
}

function wholeLines(recent: Buffer): string {
  const text = recent.toString('utf8');
  const cut = recent.length >= tailBytes ? text.slice(text.indexOf('\n') + 1) : text;
  return cut.trim();
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
