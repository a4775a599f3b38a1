// CoSQA's retrieval files: code_idx_map.txt ({code: number}) and cosqa-retrieval-<split>-<count>.json (lists of queries with the
// number of their code).
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type LinePlace } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type DatasetSplit, type Source } from '../source.js';
import { asId, idField, readJson, textField } from './fields.js';

const map = 'code_idx_map.txt';
const shape = 'an object with `idx`, `doc` (the query), `code`, `retrieval_idx` and perhaps `label`';
const splitOf: Readonly<Record<string, DatasetSplit>> = { train: 'sft', dev: 'dev', test: 'test' };

interface Entry {
  id: string;
  text: string;
  document: string;
  grade: number;
  split: DatasetSplit;
  file: string;
  line: null;
}

/** The folder as a source. Fails with class `data`, file and entry. */
export async function readCosqa(dir: string): Promise<Source> {
  const codes = await readJson(join(dir, map), map);
  if (!isObject(codes)) throw dataError(map, null, 'this is not a JSON object; expected code texts with their numbers');
  const named = (await readdir(dir)).map((name) => ({
    name,
    split: /^cosqa-retrieval-(train|dev|test)-\d+\.json$/.exec(name)?.[1],
  }));
  const files = named.flatMap(({ name, split }) =>
    split === undefined ? [] : [{ name, split: splitOf[split] ?? 'sft' }],
  );
  if (files.length === 0)
    throw dataError('.', null, 'there is no cosqa-retrieval-<train|dev|test>-<count>.json; expected one or more');
  const entries: Entry[] = [];
  for (const { name, split } of files.sort((a, b) => (a.name < b.name ? -1 : 1)))
    entries.push(...(await readEntries(dir, name, { split, codes })));
  return {
    name: 'cosqa',
    files: { documents: map, queries: files.map(({ name }) => name).join(', ') },
    async *documents() {
      for (const [text, number] of Object.entries(codes)) {
        if (!Number.isSafeInteger(number))
          throw dataError(
            map,
            null,
            `the code ${JSON.stringify(text.slice(0, 40))} has the number ${JSON.stringify(number)}; expected a whole number`,
          );
        yield { id: String(number), text, title: null, file: `${map}[${String(number)}]`, line: null };
      }
    },
    async *queries() {
      yield* entries;
    },
    async *judgements() {
      for (const { id, document, grade, split, file, line } of entries)
        yield { query: id, document, grade, split, file, line };
    },
    extras: noExtras,
    notes: () => ({}),
    warnings: [],
  };
}

async function readEntries(
  dir: string,
  name: string,
  { split, codes }: { split: DatasetSplit; codes: Record<string, unknown> },
): Promise<Entry[]> {
  const list = await readJson(join(dir, name), name);
  if (!Array.isArray(list)) throw dataError(name, null, 'this is not a JSON list; expected a list of queries');
  return list.map((value: unknown, i) => {
    const at: LinePlace = { file: `${name}[${i}]`, line: null, expected: shape };
    const known = asId(codes[textField(value, 'code', at)]);
    const hasNumber = isObject(value) && value['retrieval_idx'] !== undefined;
    const document = hasNumber ? idField(value, 'retrieval_idx', at) : known;
    if (known === null || known !== document)
      throw dataError(
        at.file,
        null,
        known === null
          ? `its code is not in ${map}; expected the same text`
          : `its code has the number ${known} in ${map}, and \`retrieval_idx\` is ${document ?? 'missing'}; expected the same`,
      );
    const label = isObject(value) && value['label'] !== undefined ? Number(idField(value, 'label', at)) : 1;
    const { file, line } = { file: at.file, line: null };
    return {
      id: idField(value, 'idx', at),
      text: textField(value, 'doc', at),
      document,
      grade: label,
      split,
      file,
      line,
    };
  });
}
