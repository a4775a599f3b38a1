import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../activities/journal.js';
import { journalPoints } from '../../schemas/journal.js';
import { readJournal } from '../../store/journals.js';
import { openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const name = { key: 'a'.repeat(64), attempt: 'one' };
const steps = async (journal = name) => journalPoints(await readJournal(bench.store, journal)).map(({ step }) => step);

describe('a journal', () => {
  it('is stored up to a flush, and the length is that of what was added before', async () => {
    const journal = await openJournal(bench.store, name, null, () => 0);
    journal.add(1, { loss: 1 });
    const flushed = journal.flush();
    journal.add(2, { loss: 0.5 });
    const bytes = await flushed;
    expect(await steps()).toEqual([1]);
    expect(Buffer.byteLength(await readJournal(bench.store, name))).toBe(bytes);
    await journal.flush();
    expect(await steps()).toEqual([1, 2]);
  });

  it('writes nothing when there is nothing', async () => {
    const journal = await openJournal(bench.store, name, null, () => 0);
    expect(await journal.flush()).toBe(0);
    expect(journal.hasPoints()).toBe(false);
  });

  it('begins, after a resume, with what came before the checkpoint and nothing later', async () => {
    const first = await openJournal(bench.store, name, null, () => 0);
    first.add(1, { loss: 1 });
    const bytes = await first.flush();
    first.add(2, { loss: -1 });
    await first.flush();
    const two = { ...name, attempt: 'two' };
    const second = await openJournal(bench.store, two, { ...name, bytes }, () => 0);
    second.add(2, { loss: 0.5 });
    await second.flush();
    const text = await readJournal(bench.store, two);
    expect(journalPoints(text).map(({ step, values }) => [step, values['loss']])).toEqual([
      [1, 1],
      [2, 0.5],
    ]);
  });

  it('loses no point and repeats none when the store fails for a while', async () => {
    let broken = true;
    const store = Object.create(bench.store, {
      createIfAbsent: {
        value: (part: string, body: string) =>
          broken ? Promise.reject(new Error('out of reach')) : bench.store.createIfAbsent(part, body),
      },
    }) as typeof bench.store;
    const journal = await openJournal(store, name, null, () => 0);
    journal.add(1, { loss: 1 });
    await expect(journal.flush()).rejects.toThrow('out of reach');
    journal.add(2, { loss: 2 });
    broken = false;
    const bytes = await journal.flush();
    expect(await steps()).toEqual([1, 2]);
    expect(Buffer.byteLength(await readJournal(bench.store, name))).toBe(bytes);
  });

  it('keeps values that are not finite as null', async () => {
    const journal = await openJournal(bench.store, name, null, () => 5);
    journal.add(1, { loss: null });
    await journal.flush();
    expect(journalPoints(await readJournal(bench.store, name))).toEqual([{ step: 1, at: 5, values: { loss: null } }]);
  });
});
