// The pipeline files that are mutated: all examples and golden files.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const folders = ['pipelines', 'tests/golden/ok', 'tests/golden/err', 'tests/golden/right'];

export interface CorpusFile {
  /** From the root of the clone. */
  path: string;
  text: string;
}

/** Every file, sorted by path. */
export const corpus = (): CorpusFile[] =>
  folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${String(name)}`),
    )
    .filter((path) => path.endsWith('.yaml'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
