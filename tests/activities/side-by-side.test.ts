// Attempts of several worker processes at one step, on both kinds of store: stopped, continued, killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { readClaim } from '../../store/claims.js';
import { listAll } from '../../store/list-all.js';
import { readJournal } from '../../store/journals.js';
import { openStore } from '../../store/open.js';
import { readResult } from '../../store/results.js';
import { openS3Store } from '../../store/s3/s3-store.js';
import type { ObjectStore } from '../../store/store.js';
import { startS3, type S3Server } from '../support/s3-server.js';
import { callOf, openBench, type Bench } from './bench.js';
import type { NapEnd, NapOrder } from './attempt-process.js';

const steps = 12;
/** Long enough that a renewal is not missed on a busy machine. */
const claimEveryMs = 700;

interface Worker {
  child: ChildProcess;
  begin(order: Partial<NapOrder> & { value: number }): Promise<NapEnd>;
  signal(name: NodeJS.Signals): void;
}

let bench: Bench;
let server: S3Server;
let home: string;
beforeAll(async () => {
  [bench, server, home] = await Promise.all([openBench(), startS3('bucket'), mkdtemp(join(tmpdir(), 'pawl-sides-'))]);
}, 120_000);
afterAll(async () => {
  await server.stop();
  await bench.close();
  await rm(home, { recursive: true, force: true });
});

describe.each(['a folder', 'S3'])('on %s', (kind) => {
  let store: ObjectStore;
  let one: Worker;
  let other: Worker;
  beforeAll(async () => {
    const url = kind === 'S3' ? 's3://bucket/side-by-side' : join(home, 'store');
    store = kind === 'S3' ? await openS3Store(url, server.variables) : await openStore(url);
    [one, other] = await Promise.all([startWorker(url), startWorker(url)]);
  });
  afterAll(() => {
    for (const worker of [one, other]) worker.signal('SIGKILL');
  });

  const call = (value: number) => callOf(bench, 'test.sleep', { steps, step_ms: 60, value });
  const checkpointed = (value: number): Promise<void> =>
    until(async () => ((await newestCheckpoint(store, call(value).checkpointKey))?.step ?? 0) >= 2);
  const claimOf = (value: number) => readClaim(store, call(value).key);

  test.each([
    ['retries of the same step, at once', 'same', 1],
    ['the same step of another run, when the claim has run out', 'another', 2],
  ])('a worker that was stopped until its successor had finished changes nothing: %s', async (_, run, value) => {
    const stalled = one.begin({ value, run: 'same' });
    await checkpointed(value);
    one.signal('SIGSTOP');
    const successor = await other.begin({ value, run, number: 2 });
    expect(successor).toMatchObject({ found: false, resumedFrom: expect.any(Number) as number });
    // Until its next renewal is due it may still write under its own attempt's names, where nobody looks.
    await sleep(claimEveryMs);
    const before = await contents(store);
    one.signal('SIGCONT');
    expect(await stalled).toMatchObject({
      failure: 'worker_lost',
      message: expect.stringContaining('Another worker took this step over') as string,
    });
    expect(await contents(store)).toEqual(before);
    // Every point of the step is in the journal of the attempt that committed, once.
    const result = await readResult(store, call(value).key);
    const journal = await readJournal(store, { key: call(value).key, attempt: result?.journal ?? '' });
    const points = journal.trimEnd().split('\n').map((line) => (JSON.parse(line) as { step: number }).step);
    expect(points).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
  }); // prettier-ignore

  test('two live runs with one key compute it once', async () => {
    const ends = await Promise.all([one.begin({ value: 3, run: 'left' }), other.begin({ value: 3, run: 'right' })]);
    expect(ends.map((end) => 'found' in end && end.found).sort()).toEqual([false, true]);
    const journals = await listAll(store, `journals/${call(3).key}/`);
    expect(new Set(journals.map(({ name }) => name.split('/')[2]?.split('.')[0])).size).toBe(1);
  });

  test('two attempts of one step that race leave one result, and agree on it or give way', async () => {
    const ends = await Promise.all([one.begin({ value: 4, number: 1 }), other.begin({ value: 4, number: 2 })]);
    expect(ends.filter((end) => 'key' in end).length).toBeGreaterThan(0);
    for (const end of ends) if ('failure' in end) expect(end.failure).toBe('worker_lost');
    expect((await listAll(store, `results/${call(4).key}`)).length).toBe(1);
    expect(ends.filter((end) => 'found' in end && !end.found)).toHaveLength(1);
  });

  test('a holder that is killed is followed after three missed renewals, no sooner and not much later', async () => {
    void one.begin({ value: 5, run: 'dead' });
    await checkpointed(5);
    const following = other.begin({ value: 5, run: 'next' });
    await sleep(100);
    one.signal('SIGKILL');
    const last = await claimOf(5);
    expect(last?.run).toMatch(/dead/);
    await until(async () => (await claimOf(5))?.run.includes('next') === true);
    const waited = ((await claimOf(5))?.renewedAt ?? 0) - (last?.renewedAt ?? 0);
    expect(waited).toBeGreaterThan(3 * claimEveryMs);
    expect(waited).toBeLessThan(3 * claimEveryMs + 5_000); // it asks every 20 ms, on a machine that may be busy
    expect(await following).toMatchObject({ found: false, resumedFrom: expect.any(Number) as number });
  });
});

/** A process that makes attempts on this store. */
async function startWorker(url: string): Promise<Worker> {
  const program = fileURLToPath(new URL('attempt-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...server.variables, TMPDIR: home },
  });
  const waiting = new Map<number, (end: NapEnd) => void>();
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as NapEnd | 'ready';
      if (said === 'ready') resolve();
      else waiting.get(said.value)?.(said);
    });
  });
  await ready;
  return {
    child,
    begin(order) {
      child.stdin.write(`${JSON.stringify({ run: 'same', number: 1, steps, claimEveryMs, ...order })}\n`);
      return new Promise((resolve) => waiting.set(order.value, resolve));
    },
    signal: (name) => void child.kill(name),
  };
}

/** Every object with its bytes; claims without the time of their renewal. */
async function contents(store: ObjectStore): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const { name } of await listAll(store, ''))
    all[name] = Buffer.from((await store.get(name)) ?? []).toString('latin1');
  return all;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('not within 30 s');
    await sleep(20);
  }
}
