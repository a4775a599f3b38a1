// The points at which `npm run chaos` kills: reached once, on the write that is meant. That the worker dies there: tests/chaos.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../store/open.js';
import type { ObjectStore } from '../../store/store.js';
import { openFaults, shapeOf, type Fault, type TraceLine } from '../../worker/faults.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-faults-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function opened(...faults: Fault[]): Promise<{ inner: ObjectStore; store: ObjectStore }> {
  writeFileSync(join(folder, 'faults.json'), JSON.stringify(faults));
  const inner = await openStore(join(folder, 'store'));
  return { inner, store: openFaults(folder).store(inner) };
}

const fault = (when: Fault['point']['when'], shape: string, nth = 1): Fault => ({
  id: `${when}-${nth}`,
  then: 'wait',
  point: { when, op: 'createIfAbsent', shape, nth },
});
const trace = (): TraceLine[] =>
  readFileSync(join(folder, 'trace.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceLine);

async function held(id: string): Promise<void> {
  while (!existsSync(join(folder, `${id}.reached`))) await sleep(2);
  await sleep(20);
}

describe('a fault', () => {
  it.each<[Fault['point']['when'], boolean]>([
    ['before', false],
    ['after', true],
  ])('%s a write holds it there until it may go on', async (when, isWritten) => {
    const { inner, store } = await opened(fault(when, 'results/k.json'));
    const writing = store.createIfAbsent('results/k.json', '{}');
    await held(`${when}-1`);
    expect((await inner.head('results/k.json')) !== null).toBe(isWritten);
    writeFileSync(join(folder, `${when}-1.go`), '');
    expect(await writing).toBe(true);
  });

  it('is reached once, also by a worker that is started again', async () => {
    const { inner, store } = await opened(fault('before', 'results/k.json'));
    writeFileSync(join(folder, 'before-1.reached'), '');
    expect(await store.createIfAbsent('results/k.json', '{}')).toBe(true);
    expect(await openFaults(folder).store(inner).createIfAbsent('results/k.json', '{}')).toBe(false);
  });

  it('is found by names without attempts, and by how often they were written', async () => {
    const { store } = await opened(fault('after', 'journals/k/*.000001.jsonl', 2));
    await store.createIfAbsent('journals/k/a1.000001.jsonl', '');
    const second = store.createIfAbsent('journals/k/a2.000001.jsonl', '');
    await held('after-2');
    writeFileSync(join(folder, 'after-2.go'), '');
    await second;
    expect(trace().map((line) => line.what)).toEqual(['write', 'write', 'reached']);
  });
});

describe('the trace', () => {
  it('says who claims and what is written', async () => {
    const { store } = await opened();
    const claim = { key: 'k', holder: 'sft', attempt: 'a1', released: false };
    await store.createIfAbsent('claims/k.json', JSON.stringify(claim));
    expect(trace()).toMatchObject([
      { what: 'write', op: 'createIfAbsent', name: 'claims/k.json', pid: process.pid },
      { what: 'claim', key: 'k', path: 'sft', attempt: 'a1', released: false },
    ]);
  });

  it('names objects without what differs from run to run', () => {
    expect(
      ['checkpoints/k/000000000020-0abc-12.json', 'cursors/w/r.json', 'runs/w/r.json', 'results/k.json'].map(shapeOf),
    ).toEqual(['checkpoints/k/000000000020-*.json', 'cursors/*', 'runs/*', 'results/k.json']);
  });
});
