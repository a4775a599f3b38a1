// XQuAD (SQuAD v1.1 JSON, parallel files by language): a question is answered by its paragraph, in the same or another language.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type LinePlace } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type Source } from '../source.js';
import { listField, readJson, textField } from './fields.js';

export interface Languages {
  /** Of the queries. */
  language: string;
  /** Of the documents. */
  documents: string;
}

interface Paragraph {
  id: string;
  text: string;
  questions: { id: string; text: string }[];
  file: string;
}

/** The folder as a source; all questions are of the split test. Fails with class `data`, file and place. */
export async function readXquad(dir: string, { language, documents }: Languages): Promise<Source> {
  const asked = await readParagraphs(dir, language);
  const answers = documents === language ? asked : await readParagraphs(dir, documents);
  const [names, others] = [asked, answers].map((list) => list.map(({ id }) => id).join());
  if (names !== others)
    throw dataError(
      fileOf(documents),
      null,
      `it has not the articles and paragraphs of ${fileOf(language)}; expected parallel files`,
    );
  return {
    name: 'xquad',
    files: { documents: fileOf(documents), queries: fileOf(language) },
    async *documents() {
      for (const { id, text, file } of answers) yield { id, text, title: null, file, line: null };
    },
    async *queries() {
      for (const { questions, file } of asked)
        for (const question of questions) yield { ...question, file, line: null };
    },
    async *judgements() {
      for (const { id, questions, file } of asked)
        for (const question of questions)
          yield { query: question.id, document: id, grade: 1, split: 'test' as const, file, line: null };
    },
    extras: noExtras,
    notes: () => ({ language, documentLanguage: documents }),
    warnings: [],
  };
}

const fileOf = (language: string): string => `xquad.${language}.json`;

async function readParagraphs(dir: string, language: string): Promise<Paragraph[]> {
  const file = fileOf(language);
  await requireLanguage(dir, language);
  const place = (where: string, expected: string): LinePlace => ({ file: `${file}${where}`, line: null, expected });
  const objects = { item: (value: unknown) => (isObject(value) ? value : null) };
  const articles = listField(
    await readJson(join(dir, file), file),
    'data',
    place('', 'an object with the list `data`'),
    objects,
  );
  return articles.flatMap((article, a) => {
    const paragraphs = listField(article, 'paragraphs', place(`.data[${a}]`, 'an article with `paragraphs`'), objects);
    return paragraphs.map((paragraph, p) => {
      const at = place(`.data[${a}].paragraphs[${p}]`, 'a paragraph with `context` and `qas`');
      const questions = listField(paragraph, 'qas', at, objects).map((one) => ({
        id: textField(one, 'id', at),
        text: textField(one, 'question', at),
      }));
      return { id: `a${a}-p${p}`, text: textField(paragraph, 'context', at), questions, file: at.file };
    });
  });
}

async function requireLanguage(dir: string, language: string): Promise<void> {
  const found = (await readdir(dir)).flatMap((name) => /^xquad\.(.+)\.json$/.exec(name)?.[1] ?? []);
  if (!found.includes(language))
    throw dataError(
      fileOf(language),
      null,
      `the file is missing; the folder has ${found.length === 0 ? 'no xquad.<language>.json' : `the languages ${found.sort().join(', ')}`}`,
    );
}
