// The text of a test file from the disk.
import { readFileSync } from 'node:fs';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

/** The text of a test file. Fails where there is none. */
export function textOfTestFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const fact = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown'})`;
    throw new CliError(
      exitCodes.invalid,
      `${path}: ${fact}. Name a test file, such as pipelines/quickstart.test.yaml.`,
    );
  }
}
