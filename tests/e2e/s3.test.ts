// The real command, servers and worker on a store on S3: killed, run again from the cache, planned; and what it asks of the server.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../schemas/generated/records.js';
import { listAll } from '../../store/list-all.js';
import { readResult } from '../../store/results.js';
import { openS3Store } from '../../store/s3/s3-store.js';
import type { ObjectStore } from '../../store/store.js';
import { pawlRig, type PawlRig } from '../cli/pawl-rig.js';
import { ensureBuilt, repository } from '../local/built.js';
import { startProxy, type FaultyProxy } from '../store/s3/faulty-proxy.js';
import { startS3, type S3Server } from '../support/s3-server.js';

const pipeline = join(repository, 'pipelines', 'durable-sleep.yaml');
const url = 's3://bucket/pawl';
let server: S3Server;
let proxy: FaultyProxy;
let rig: PawlRig;
let store: ObjectStore;

beforeAll(async () => {
  [server, rig] = await Promise.all([startS3('bucket'), pawlRig(), ensureBuilt()]);
  proxy = await startProxy(server.endpoint, server.variables.AWS_SECRET_ACCESS_KEY);
  Object.assign(rig.env, server.variables, { AWS_ENDPOINT_URL: proxy.endpoint, PAWL_STORE: url });
  store = await openS3Store(url, server.variables);
}, 180_000);
afterAll(async () => {
  await rig.dispose();
  await proxy.stop();
  await server.stop();
});

const args = (params: Record<string, number>): string[] => [
  pipeline,
  ...Object.entries({ iterations: 2, steps: 40, step_ms: 50, ...params }).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
]; // prettier-ignore

const recordIn = (stdout: string): RunRecord =>
  (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { record: RunRecord }).record;

/** Requests since the last call, by method. */
function asked(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method } of proxy.seen.splice(0)) counts[method] = (counts[method] ?? 0) + 1;
  return counts;
}
const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);

describe('a run on S3', () => {
  it('goes on at its checkpoint when its worker is killed', async () => {
    const run = rig.begin(['run', ...args({}), '--json']);
    const ready = join(rig.folder, 'home', 'run', 'worker-ready.json');
    for (let waited = 0; (await listAll(store, 'checkpoints/')).length < 3; waited += 1) {
      if (waited > 1200) throw new Error('no checkpoint within a minute');
      await sleep(50);
    }
    process.kill((JSON.parse(readFileSync(ready, 'utf8')) as { pid: number }).pid, 'SIGKILL');
    const { code, stdout, stderr } = await run.outcome;
    expect(code, stderr).toBe(0);
    const { steps } = recordIn(stdout);
    const first = steps.find(({ path }) => path === 'first');
    const result = await readResult(store, first?.key ?? '');
    expect(result?.resumedFrom).toBeGreaterThan(0);
    expect(proxy.forged).toEqual([]);
  }, 120_000);

  it('is all cached when it is run again, and planned as such without a write', async () => {
    asked();
    const { code, stdout } = await rig.pawl(['run', ...args({}), '--json']);
    expect(code).toBe(0);
    const states = recordIn(stdout).steps.map(({ path, state }) => [path, state]);
    expect(states.filter(([, state]) => state !== 'cached')).toEqual([['gate', 'done'], ['turn', 'done']]); // prettier-ignore
    // Per step: its result, its list of files, a look at each file.
    expect(sum(asked())).toBeLessThan(60);
    const plan = await rig.pawl(['plan', ...args({})]);
    expect(plan.stdout).toMatch(/^CACHED +first/);
    expect(Object.keys(asked()).sort()).toEqual(['GET', 'HEAD']);
  }, 120_000);

  it('asks about a dozen things of the server a step', async () => {
    asked();
    const { code } = await rig.pawl(['run', ...args({ value: 3, steps: 2, iterations: 4 })]);
    expect(code).toBe(0);
    const commits = proxy.seen.filter(({ method, url: path }) => method === 'PUT' && path.includes('/results/')).length;
    const counts = asked();
    expect(commits).toBe(1 + 4 + 2 + 1); // `beside` was made before
    expect(sum(counts) / commits, JSON.stringify(counts)).toBeLessThan(20);
  }, 120_000);

  it('leaves the secret nowhere: not in logs, histories or the store', async () => {
    const { AWS_SECRET_ACCESS_KEY: secret } = server.variables;
    const holding = filesBelow(join(rig.folder, 'home')).filter((path) => readFileSync(path).includes(secret));
    expect(holding).toEqual([]);
    for (const { name } of await listAll(store, ''))
      expect(Buffer.from((await store.get(name)) ?? []).includes(secret), name).toBe(false);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => existsSync(path));
}
