// Small JSON files of the embedded servers: replaced whole, readable by their owner only.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Replaces the file; a reader sees the old or the new one, never half. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** The value in the file; null when it is absent or not JSON. The caller names its shape: these files are our own. */
export function readJsonFile<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}
