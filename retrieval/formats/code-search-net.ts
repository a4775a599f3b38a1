// CodeSearchNet: .jsonl or .jsonl.gz files, anywhere below the folder, a function a line. The query is its docstring, the document
// its code, both as the tokens that the data set gives, so that the docstring is not in the document.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonl } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type DatasetSplit, type Source } from '../source.js';
import { asString, idField, listField, textField } from './fields.js';

const shape = 'an object with `url`, `partition`, `code_tokens` and `docstring_tokens`';
const splitOf: Readonly<Record<string, DatasetSplit>> = { train: 'sft', valid: 'dev', test: 'test' };

interface Row {
  id: string;
  code: string;
  docstring: string;
  split: DatasetSplit;
  file: string;
  line: number;
}

/** The folder as a source. Functions without a docstring are documents only. Fails with class `data`, file and line. */
export async function readCodeSearchNet(dir: string): Promise<Source> {
  const below = await readdir(dir, { recursive: true });
  const files = below.filter((name) => /\.jsonl(\.gz)?$/.test(name)).sort();
  if (files.length === 0) throw dataError('.', null, 'there is no .jsonl or .jsonl.gz file below the folder');
  let without = 0;
  return {
    name: 'code-search-net',
    files: { documents: 'the files', queries: 'the files' },
    async *documents() {
      for await (const { id, code, file, line } of rows(dir, files)) yield { id, text: code, title: null, file, line };
    },
    async *queries() {
      for await (const { id, docstring, file, line } of rows(dir, files)) {
        if (docstring === '') without++;
        else yield { id, text: docstring, file, line };
      }
    },
    async *judgements() {
      for await (const { id, docstring, split, file, line } of rows(dir, files))
        if (docstring !== '') yield { query: id, document: id, grade: 1, split, file, line };
    },
    extras: noExtras,
    notes: () => ({ withoutDocstring: without }),
    warnings: [],
  };
}

async function* rows(dir: string, files: readonly string[]): AsyncGenerator<Row> {
  for (const file of files) {
    for await (const { value, line, at } of readJsonl(join(dir, file), file, shape)) {
      const partition = textField(value, 'partition', at);
      const split = splitOf[partition];
      if (split === undefined)
        throw dataError(
          file,
          line,
          `\`partition\` is ${JSON.stringify(partition)}; expected one of ${Object.keys(splitOf).join(', ')}`,
        );
      const tokens = (field: string): string => listField(value, field, at, { item: asString }).join(' ').trim();
      yield {
        id: idField(value, 'url', at),
        code: tokens('code_tokens'),
        docstring: tokens('docstring_tokens'),
        split,
        file,
        line,
      };
    }
  }
}
