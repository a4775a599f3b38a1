import { spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenAt } from '../../worker/operations-server.js';
import { humanLine } from '../../worker/logging.js';
import { repository } from '../local/built.js';
import { freePort } from '../local/home-rig.js';
import { openRig, planOf, stepOf, until, type Rig, type WorkerProcess } from './rig.js';

describe('a worker that is asked how it is', () => {
  let rig: Rig;
  let worker: WorkerProcess;
  let url: string;
  beforeAll(async () => {
    rig = await openRig();
    url = `http://127.0.0.1:${await freePort()}`;
    worker = await rig.startWorker({ PAWL_METRICS_ADDRESS: url.replace('http://', ''), PAWL_LOG: 'json' });
  }, 180_000);
  afterAll(async () => rig.close());

  const ask = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${url}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  /** The value of a series. */
  const valueOf = (text: string, series: string): number | undefined => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  };
  const linesOf = (): Record<string, unknown>[] =>
    worker
      .log()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('is ready once it polls all queues and the store answers', async () => {
    const { status, text } = await ask('/ready');
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({
      status: 200,
      ready: true,
      queues: { pawl: true, 'pawl-trainer': true },
      temporal: null,
      store: null,
    });
    expect((await ask('/live')).status).toBe(200);
    expect((await ask('/else')).status).toBe(404);
  });

  it('counts steps by kind and end, commits, checkpoints and requests, beside what the SDK counts', async () => {
    const fails = stepOf('test.fail', { class: 'config', message: 'as asked', times: 1 }, { deps: ['nap'] });
    const nap = stepOf('test.sleep', { steps: 2, step_ms: 1, value: 1 });
    const first = await rig.start(planOf('counted', { nap, bad: fails }), 'one');
    await expect(first.result()).rejects.toThrow();
    const again = await rig.start(planOf('counted', { nap }), 'two');
    await again.result();
    const { text } = await ask('/metrics');
    expect(valueOf(text, 'pawl_steps_total{end="done",kind="test.sleep"}')).toBe(1);
    expect(valueOf(text, 'pawl_steps_total{end="config",kind="test.fail"}')).toBe(1);
    expect(valueOf(text, 'pawl_steps_cached_total{kind="test.sleep"}')).toBe(1);
    expect(valueOf(text, 'pawl_commits_total{kind="test.sleep"}')).toBe(1);
    expect(valueOf(text, 'pawl_checkpoints_total')).toBeGreaterThan(0);
    expect(valueOf(text, 'pawl_checkpoint_bytes_total')).toBeGreaterThan(0);
    expect(valueOf(text, 'pawl_step_seconds_count{kind="test.sleep"}')).toBe(1);
    expect(valueOf(text, 'pawl_store_requests_total{operation="createIfAbsent"}')).toBeGreaterThan(2);
    expect(text).toMatch(/^temporal_worker_task_slots_available\{/m);
  }, 60_000);

  it('writes its log as JSON lines that name run, step and attempt', () => {
    const ends = linesOf().filter(({ msg }) => msg === 'step ended');
    expect(ends).toContainEqual(
      expect.objectContaining({
        level: 'info',
        run: 'counted/one',
        step: 'nap',
        kind: 'test.sleep',
        attempt: 1,
        end: 'done',
      }),
    );
    expect(ends).toContainEqual(expect.objectContaining({ run: 'counted/one', step: 'bad', end: 'config' }));
    const said = linesOf().filter(({ source }) => source === 'step');
    expect(said).toContainEqual(expect.objectContaining({ run: 'counted/one', step: 'nap', attempt: 1 }));
    expect(said.some(({ msg }) => String(msg).includes('as asked'))).toBe(true);
  });

  it('is not ready while its store is gone, and ready again when it is back', async () => {
    const store = join(rig.home, 'store');
    renameSync(store, `${store}.away`);
    writeFileSync(store, 'a file where the folder was');
    const gone = await ask('/ready');
    rmSync(store);
    renameSync(`${store}.away`, store);
    expect({ status: gone.status, ...(JSON.parse(gone.text) as object) }).toMatchObject({
      status: 503,
      ready: false,
      temporal: null,
      store: expect.stringContaining('Cannot write') as string,
    });
    expect((await ask('/ready')).status).toBe(200);
  });

  it('ends with what to change when its address is taken', async () => {
    const { code, log } = await started({
      ...process.env,
      TEMPORAL_ADDRESS: rig.address,
      PAWL_HOME: join(rig.home, 'second'),
      PAWL_METRICS_ADDRESS: url.replace('http://', ''),
      MLFLOW_TRACKING_URI: 'off',
    });
    expect(code).toBe(1);
    expect(log).toMatch(
      /The worker cannot listen at 127\.0\.0\.1:\d+ for \/metrics and \/ready \(EADDRINUSE\)\. Set PAWL_METRICS_ADDRESS/,
    );
    // A log for people: no JSON.
    expect(log).toMatch(/^\S+Z fatal The worker cannot listen/);
  }, 60_000);

  it('ends at SIGTERM although somebody listens', async () => {
    await until(
      async () => (await ask('/live')).status === 200,
      5_000,
      () => worker.log(),
    );
    expect(await worker.end('SIGTERM')).toBe(0);
  }, 60_000);
});

/** A worker that ends by itself. */
function started(env: NodeJS.ProcessEnv): Promise<{ code: number | null; log: string }> {
  const main = join(repository, 'dist', 'worker', 'main.js');
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, log })));
}

describe('parts of it', () => {
  it('listens on loopback unless a host is named', () => {
    expect(listenAt('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(listenAt(':9464')).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(listenAt('0.0.0.0:9464')).toEqual({ host: '0.0.0.0', port: 9464 });
    expect(listenAt('[::]:80')).toEqual({ host: '::', port: 80 });
    expect(() => listenAt('metrics')).toThrow(/PAWL_METRICS_ADDRESS is `metrics`\. It must be a port/);
  });

  it('a log line for people has the facts behind the message', () => {
    const line = JSON.stringify({ level: 'warn', time: 'T', run: 'a/b', n: 1, msg: 'hm' });
    expect(humanLine(line)).toBe('T warn  hm run=a/b n=1\n');
  });
});
