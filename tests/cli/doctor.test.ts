import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lines } from '../../cli/commands/doctor.js';
import { withLimit, type Finding } from '../../cli/doctor/finding.js';
import { checkDisks, diskFinding, trainerFindings, type About } from '../../cli/doctor/machine.js';
import { checkMlflow } from '../../cli/doctor/services.js';
import { checkStore, skewFinding } from '../../cli/doctor/store.js';
import { checkTemporal } from '../../cli/doctor/temporal.js';
import type { TemporalConfig } from '../../schemas/config.js';
import { openFolderStore } from '../../store/folder-store.js';
import type { ObjectStore } from '../../store/store.js';
import { ensureBuilt } from '../local/built.js';
import { homeRig, type HomeRig } from '../local/home-rig.js';
import { grpcProxy } from '../support/grpc-proxy.js';
import { startTemporal, type TestServer } from '../support/temporal-server.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const of = (findings: Finding[], check: string): string => {
  const found = findings.find((one) => one.check === check);
  return found === undefined ? 'none' : `${found.state}: ${found.fact}`;
};

describe('pawl doctor: the store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-doctor-'));
  let store: ObjectStore;
  beforeAll(async () => {
    store = await openFolderStore(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const left = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const { name } of store.list('doctor/')) names.push(name);
    return names;
  };

  it('is tried, compared with the clock, and left as it was', async () => {
    const findings = await checkStore(store, folder);
    expect(findings.map(({ state }) => state)).toEqual(['ok', 'ok']);
    expect(of(findings, 'store')).toContain(store.id);
    expect(await left()).toEqual([]);
  });

  it.each([
    [
      'creates an object twice',
      { createIfAbsent: () => Promise.resolve(true) },
      /let 4 of 4 writers create one object/,
    ],
    [
      'swaps whatever is there',
      { compareAndSwap: () => Promise.resolve(true) },
      /replaces an object that somebody else has changed/,
    ],
    [
      'never swaps',
      { compareAndSwap: () => Promise.resolve(false) },
      /refuses to replace an object that nobody has changed/,
    ],
    ['shows what was', { get: () => Promise.resolve(Buffer.from('0')) }, /shows an old version/],
  ] as const)('that %s is not safe, and the doctor says so', async (_, fault, expected) => {
    const [finding] = await checkStore({ ...store, ...fault }, folder);
    expect(finding?.state).toBe('fail');
    expect(finding?.fact).toMatch(expected);
    expect(await left()).toEqual([]);
  });
});

describe('pawl doctor: the machine', () => {
  const about: About = {
    python: '3.11.7',
    torch: '2.9.0',
    transformers: '5.0.0',
    cuda: '13.0',
    gpus: [],
    problem: null,
  };
  const trainer = { python: '/py', threads: 1, cacheBytes: 1, device: 'auto' as const };
  const slots = (gpus: number) => ({ trainer, trainers: [{ queue: 'h200', gpus, labels: [] }] });

  it('names the GPUs and their memory', () => {
    const gpus = [{ name: 'H200', freeBytes: 100 * 2 ** 30, totalBytes: 139 * 2 ** 30 }];
    expect(of(trainerFindings({ ...about, gpus }, slots(1)), 'GPU')).toBe(
      'ok: H200, 100.0 GiB of 139.0 GiB free (CUDA 13.0)',
    );
  });

  it('fails where a queue promises GPUs that torch does not see, or torch is missing', () => {
    expect(of(trainerFindings(about, slots(2)), 'GPU')).toBe(
      'fail: torch sees 0 GPUs (CUDA 13.0), but h200 promises 2',
    );
    expect(of(trainerFindings({ ...about, torch: null }, slots(0)), 'Python')).toBe('fail: /py (3.11.7) has no torch');
    expect(of(trainerFindings({ ...about, problem: 'OSError: libcuda' }, slots(0)), 'Python')).toMatch(
      /^fail: .*libcuda/,
    );
  });

  it('warns of a disk below the threshold and fails on a full one', async () => {
    const disk = { names: ['store'], total: 2 ** 40, folder: '/data' };
    expect(diskFinding({ ...disk, free: 20 * 2 ** 30 }, 10 * 2 ** 30).state).toBe('ok');
    expect(diskFinding({ ...disk, free: 20 * 2 ** 30 }, 30 * 2 ** 30).state).toBe('warn');
    expect(diskFinding({ ...disk, free: 1000 }, 10 * 2 ** 30).state).toBe('fail');
    const home = join(tmpdir(), 'not', 'there', 'yet');
    const config = { home, store: join(home, 'store') } as TemporalConfig;
    expect((await checkDisks(config, 0)).map(({ state, fact }) => `${state} ${fact}`)).toEqual([
      expect.stringMatching(/^ok .* free for state, cache, store/),
    ]);
  });

  it('tells a clock that is off, by more than the measurement may be', () => {
    expect(skewFinding('clock', -1_000, 10).state).toBe('ok');
    expect(skewFinding('clock', -30_000, 10)).toMatchObject({ state: 'warn', fact: "30.0 s behind this machine's" });
  });
});

describe('pawl doctor', () => {
  it('gives up on a check that hangs, and goes on after one that throws', async () => {
    expect(of(await withLimit('disk', 20, () => new Promise<Finding[]>(() => undefined)), 'disk')).toMatch(
      /^fail: no answer/,
    );
    expect(await withLimit('disk', 9_000, () => Promise.reject(new Error('Gone.\nBring it back.')))).toEqual([
      { check: 'disk', state: 'fail', fact: 'Gone.', wayOut: 'Bring it back.' },
    ]);
    expect(lines({ check: 'disk', state: 'fail', fact: 'Gone.', wayOut: 'Bring it back.' })).toEqual([
      'fail  disk                Gone.',
      '                          Bring it back.',
    ]);
  });

  it('says within seconds that MLflow accepts and does not answer', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const found = await checkMlflow({ mlflow: { url, experiment: 'x' } } as TemporalConfig, 200);
    server.close();
    expect(found).toMatchObject([{ state: 'warn', fact: expect.stringContaining('does not answer') as string }]);
  });
});

describe('pawl doctor: Temporal', () => {
  let server: TestServer;
  let rig: HomeRig;
  beforeAll(async () => {
    [server, rig] = [await startTemporal(), await homeRig()];
  });
  afterAll(async () => {
    await server.stop();
    await rig.dispose();
  });
  const at = (address: string, namespace = 'default'): TemporalConfig => ({
    ...rig.config,
    temporal: { ...rig.config.temporal, address, namespace },
  });

  it('tells server, namespace, search attributes, clock, and the kinds that nobody serves', async () => {
    const findings = await checkTemporal(at(server.address));
    expect(of(findings, 'Temporal')).toMatch(/^ok: 127\.0\.0\.1:\d+, server \d+\.\d+\.\d+/);
    expect(of(findings, 'namespace')).toMatch(/^ok: default, keeps ended runs for \d+ days/);
    expect(of(findings, 'search attributes')).toBe('ok: all 6 are registered');
    expect(of(findings, 'clock of Temporal')).toMatch(/^ok: \d\.\d s (behind|ahead of) this machine's/);
    expect(of(findings, 'queue pawl')).toMatch(/^fail: nobody polls it: .*nobody serves .*rl\.reward/);
    expect(of(findings, 'queue pawl-trainer')).toMatch(/^warn: .*nobody serves .*train\.sft/);
  });

  it('names who polls a queue', async () => {
    const { connection } = server.client;
    const { workflowService } = connection;
    const request = { namespace: 'default', identity: 'me@host', taskQueue: { name: 'pawl' } };
    const enough = new AbortController();
    const polling = connection
      .withAbortSignal(enough.signal, () =>
        connection.withDeadline(Date.now() + 30_000, () => workflowService.pollWorkflowTaskQueue(request)),
      )
      .catch(() => undefined);
    let found = '';
    for (const end = Date.now() + 20_000; !found.startsWith('ok') && Date.now() < end;)
      found = of(await checkTemporal(at(server.address)), 'queue pawl');
    enough.abort();
    await polling;
    expect(found).toMatch(/^ok: polled by me@host; serves /);
  });

  it('fails on a namespace that is not there, and says how to make it', async () => {
    const findings = await checkTemporal(at(server.address, 'nowhere'));
    expect(of(findings, 'namespace')).toBe('fail: the server has no namespace nowhere');
    expect(findings.find(({ check }) => check === 'namespace')?.wayOut).toContain('namespace create -n nowhere');
  });

  it('only warns where operator rights are missing', async () => {
    const proxy = await grpcProxy(server.address, { deny: /OperatorService/ });
    expect(of(await checkTemporal(at(proxy.address)), 'search attributes')).toMatch(
      /^warn: .*operator rights are needed/,
    );
    await proxy.close();
  });
});

describe('pawl doctor, the command', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
  }, 120_000);
  afterAll(async () => rig.dispose());
  /** The Python of this test is quick to say what it is. */
  const python = { PAWL_PYTHON: '/nowhere/python' };

  it('says that nothing is up and what `pawl up` would do; a broken part makes the status 1', async () => {
    const { code, stdout } = await rig.pawl(['doctor', '--min-free', '0'], python);
    expect(stdout).toMatch(
      /^warn {2}servers +nothing runs here\n +`pawl up`, or the next `pawl run`, starts Temporal on port/,
    );
    expect(stdout).toMatch(/ok {4}store +\S*store, id [0-9a-f-]{36}/);
    expect(stdout).toMatch(/fail {2}Python +\/nowhere\/python cannot be used: ENOENT\n +Run `npm run setup`/);
    expect(stdout).toMatch(/\n1 of \d+ checks failed\n$/);
    expect(code).toBe(1);
  });

  it('writes JSON, and fails on a server that is named and does not answer', async () => {
    const { code, stdout } = await rig.pawl(['doctor', '--json'], { ...python, TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records[0]).toMatchObject({ type: 'check', check: 'Temporal', state: 'fail' });
    expect(records.at(-1)).toMatchObject({ type: 'doctor', ok: false, failures: 2 });
    expect(code).toBe(1);
  });
});
