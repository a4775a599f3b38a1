import { expect, test } from 'vitest';
import { appendJournalPart, journalExtent, readJournal } from '../../store/journals.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const journal = { key: 'k', attempt: '1' };

test('a journal is its parts in order, and its extent says where the next goes', async () => {
  const { store } = bench();
  expect(await readJournal(store, journal)).toBe('');
  for (let part = 0; part < 12; part += 1)
    await appendJournalPart(store, { ...journal, part, text: `{"é":${part}}\n` });
  await appendJournalPart(store, { ...journal, attempt: '10', part: 0, text: 'of another attempt\n' });
  const text = await readJournal(store, journal);
  expect(text.trim().split('\n')).toEqual(Array.from({ length: 12 }, (_, part) => `{"é":${part}}`));
  expect(await journalExtent(store, journal)).toEqual({ parts: 12, bytes: Buffer.byteLength(text) });
});

test('the same part can be written again, another text under its number cannot', async () => {
  const { store } = bench();
  await appendJournalPart(store, { ...journal, part: 0, text: 'a\n' });
  await appendJournalPart(store, { ...journal, part: 0, text: 'a\n' });
  await expect(appendJournalPart(store, { ...journal, part: 0, text: 'b\n' })).rejects.toThrow(/written twice/);
  expect(await readJournal(store, journal)).toBe('a\n');
});
