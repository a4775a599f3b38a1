// MKQA (mkqa.jsonl, perhaps .gz): a question in one of its languages is answered by a short text in the same or another one.
// Questions without a short answer are left out and counted.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, readJsonl, type LinePlace } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type Source } from '../source.js';
import { idField, listField, textField } from './fields.js';
import type { Languages } from './xquad.js';

const shape = 'an object with `example_id`, and `queries` and `answers` by language';

interface Question {
  id: string;
  text: string;
  answers: string[];
  line: number;
}

/** The folder as a source; all questions are of the split test. Fails with class `data`, file and line. */
export async function readMkqa(dir: string, { language, documents }: Languages): Promise<Source> {
  const names = await readdir(dir);
  const file = ['mkqa.jsonl', 'mkqa.jsonl.gz'].find((name) => names.includes(name));
  if (file === undefined) throw dataError('mkqa.jsonl', null, 'the file is missing, and so is mkqa.jsonl.gz');
  const questions: Question[] = [];
  for await (const { value, line, at } of readJsonl(join(dir, file), file, shape)) {
    const text = textField(inLanguage(value, 'queries', language, at), language, at);
    questions.push({ id: idField(value, 'example_id', at), text, answers: answersOf(value, documents, at), line });
  }
  const idOf = new Map<string, string>();
  for (const { answers } of questions)
    for (const text of answers) if (!idOf.has(text)) idOf.set(text, `answer-${idOf.size + 1}`);
  const answered = questions.filter(({ answers }) => answers.length > 0);
  return {
    name: 'mkqa',
    files: { documents: file, queries: file },
    async *documents() {
      for (const [text, id] of idOf) yield { id, text, title: null, file, line: null };
    },
    async *queries() {
      for (const { id, text, line } of answered) yield { id, text, file, line };
    },
    async *judgements() {
      for (const { id, answers, line } of answered)
        for (const text of new Set(answers))
          yield { query: id, document: idOf.get(text) ?? '', grade: 1, split: 'test' as const, file, line };
    },
    extras: noExtras,
    notes: () => ({ language, documentLanguage: documents, withoutShortAnswer: questions.length - answered.length }),
    warnings: [],
  };
}

function answersOf(value: unknown, language: string, at: LinePlace): string[] {
  const item = (one: unknown): string | null => {
    if (!isObject(one)) return null;
    const isShort = one['type'] !== 'unanswerable' && one['type'] !== 'long_answer';
    return isShort && typeof one['text'] === 'string' ? one['text'] : '';
  };
  return listField(inLanguage(value, 'answers', language, at), language, at, { item }).filter((text) => text !== '');
}

/** The object under `field`, which must have the language. */
function inLanguage(value: unknown, field: string, language: string, { file, line, expected }: LinePlace): unknown {
  const found = isObject(value) ? value[field] : undefined;
  if (!isObject(found)) throw dataError(file, line, `\`${field}\` is missing; expected ${expected}`);
  if (!(language in found))
    throw dataError(
      file,
      line,
      `\`${field}\` has no language ${language}; it has ${Object.keys(found).sort().join(', ')}`,
    );
  return found;
}
