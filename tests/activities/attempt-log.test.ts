import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAttemptLog, secretsOf } from '../../activities/attempt-log.js';
import type { LogBounds } from '../../activities/log-parts.js';
import type { KindImplementation } from '../../activities/kind.js';
import { listLogs, readLogPart } from '../../store/logs.js';
import type { ObjectStore } from '../../store/store.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const name = { workflowId: 'tests/one', path: 'sft', attempt: '00a-1', number: 2 };
const textOf = async (): Promise<string> => {
  const texts: string[] = [];
  for (const log of await listLogs(bench.store, 'tests/one'))
    for (const part of log.parts) texts.push(await readLogPart(bench.store, log, part));
  return texts.join('').replaceAll(/, on .*$/gm, '');
};
const open = (bounds?: LogBounds, secrets: string[] = []) =>
  openAttemptLog(bench.store, name, { clock: () => 0, secrets, ...(bounds === undefined ? {} : { bounds }) });

describe('the log of an attempt', () => {
  it('has what was written, line by line with its time, and no secret', async () => {
    const log = open(undefined, ['hunter2secret']);
    log.write(Buffer.from('loading hunter2'));
    log.write(Buffer.from('secret\n50 %\r100 %\nno end'));
    log.note('two\nlines with hunter2secret');
    await log.close();
    const at = '1970-01-01T00:00:00.000Z';
    expect(await textOf()).toBe(
      [`${at} attempt 2 at sft`, `${at} loading ***`, `${at} 50 %`, `${at} 100 %`, `${at} | two`]
        .concat([`${at} | lines with ***`, `${at} no end`, ''])
        .join('\n'),
    );
    expect(
      secretsOf({ HF_TOKEN: 'a', MY_API_KEY: 'b', TOKENIZERS_PARALLELISM: 'c', PATH: 'd', SLACK_WEBHOOK: 'e' }),
    ).toEqual(['a', 'b', 'e']);
  });

  it('is not stored while there is nothing in it', async () => {
    await open().close();
    await attempt(bench, callOf(bench, 'test.sleep', { steps: 1, step_ms: 1, value: 1 })).outcome;
    expect(await listLogs(bench.store, 'tests/one')).toEqual([]);
  });

  it('keeps the beginning and the end of a long one, and says so by the numbers of its parts', async () => {
    const bounds = { partBytes: 100, first: 2, most: 5, flushEveryMs: 1 };
    const log = open(bounds);
    for (let line = 0; line < 40; line++) {
      log.note(`line ${line} ${'.'.repeat(20)}`);
      if (line % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await log.close();
    const [kept] = await listLogs(bench.store, 'tests/one');
    const parts = kept?.parts ?? [];
    expect(parts).toHaveLength(5);
    expect(parts.slice(0, 2)).toEqual([0, 1]);
    expect(parts[2]).toBeGreaterThan(2);
    expect(kept?.bytes).toBeLessThanOrEqual(500);
    expect(await textOf()).toMatch(/^.*attempt 2 at sft\n.*line 0 [^]*line 39 \.+\n$/);
  });

  it('does not fail a step whose store takes no log', async () => {
    const store: ObjectStore = { ...bench.store, put: () => Promise.reject(new Error('no')) };
    const kind: KindImplementation = async (context) => {
      context.log('warning', 'something');
      await writeFile(join(await context.outputDir('folder'), 'counter.json'), '{"steps":1,"value":1}');
      return { steps: 1, value: 1 };
    };
    const call = callOf(bench, 'test.sleep', { steps: 1, step_ms: 1 });
    expect(await attempt(bench, call, { kind, host: { store } }).outcome).toMatchObject({ metrics: { steps: 1 } });
  });
});

describe('what a step says', () => {
  it('is kept: what its trainer writes to stderr, its checkpoints, its failure', async () => {
    const call = callOf(bench, 'test.sleep', { steps: 1, step_ms: 1 }, { path: 'sft' });
    const kind: KindImplementation = async (context) =>
      (await context.engine({ op: 'probe', inputs: { steps: 3, crash_at: 2 } })).metrics;
    await attempt(bench, call, { kind, slot: bench.slot(), number: 2 }).outcome.catch(() => undefined);
    const text = await textOf();
    expect(text).toMatch(/^\S+ attempt 2 at sft\n/);
    expect(text).toMatch(/\| checkpoint of step 1\n/);
    expect(text).toMatch(/Z about to crash\n/);
    expect(text).toMatch(/\| failed \[trainer_crash\]: The trainer process ended with exit code 3/);
  });
});
