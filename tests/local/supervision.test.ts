import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../local/connect.js';
import { down } from '../../local/down.js';
import { missingSearchAttributes } from '../../local/namespace.js';
import { ps, type ServiceView } from '../../local/ps.js';
import { up } from '../../local/up.js';
import { ensureBuilt } from './built.js';
import { homeRig, type HomeRig } from './home-rig.js';

describe('the embedded servers under their supervisor', () => {
  let rig: HomeRig;
  const said: string[] = [];
  const say = (line: string) => void said.push(line);

  beforeAll(async () => {
    await ensureBuilt();
    rig = await homeRig();
    await up(rig.config, { say, waitForMlflow: true, env: rig.env });
  }, 120_000);
  afterAll(async () => rig.dispose(), 60_000);

  const view = (name: string): ServiceView => {
    const found = ps(rig.config).find((service) => service.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };

  it('run after `up`, which names the address and the queues', () => {
    expect(view('temporal').state).toBe('running');
    expect(view('worker').state).toBe('running');
    expect(view('mlflow').state).toBe('off');
    expect(said.join('\n')).toContain(`127.0.0.1:${rig.config.ports.temporal}`);
    expect(said.join('\n')).toContain('pawl, pawl-trainer');
  });

  it('have every search attribute and keep history for ten years', async () => {
    const connection = await connectTemporal(rig.config);
    expect(await missingSearchAttributes(connection, 'default')).toEqual([]);
    const namespace = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(namespace.config?.workflowExecutionRetentionTtl?.seconds)).toBe(10 * 365 * 24 * 3600);
    await connection.close();
  });

  it('are left alone by a second `up`, in a second or so', async () => {
    const before = view('temporal').pid;
    const startedMs = Date.now();
    await up(rig.config, { say, waitForMlflow: false, env: rig.env });
    expect(view('temporal').pid).toBe(before);
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  });

  it.each(['temporal', 'worker'])(
    'are started again after kill -9 of the %s',
    async (name) => {
      const before = view(name);
      process.kill(before.pid ?? 0, 'SIGKILL');
      for (let i = 0; i < 100 && (view(name).pid === null || view(name).pid === before.pid); i++) await sleep(100);
      expect(view(name).pid).not.toBe(before.pid);
      expect(view(name)).toMatchObject({ state: 'running', lastEnd: 'SIGKILL' });
      await up(rig.config, { say, waitForMlflow: false, env: rig.env });
    },
    60_000,
  );

  it('are replaced when a setting changes, and the setting is named', async () => {
    const before = view('worker').pid;
    said.length = 0;
    rig.env = { ...rig.env, PAWL_THREADS: '1' };
    await up(rig.config, { say, waitForMlflow: false, env: rig.env });
    expect(said[0]).toBe('PAWL_THREADS changed: restarting');
    expect(view('worker').pid).not.toBe(before);
  }, 60_000);

  it('leave no process behind when their supervisor was killed and `down` follows', async () => {
    const pids = processesOf(rig.config.packageRoot);
    const supervisor = pids.find(({ command }) => command.includes('supervisor-main'));
    process.kill(supervisor?.pid ?? 0, 'SIGKILL');
    expect((await down(rig.config)).sort()).toEqual(['temporal', 'worker']);
    expect(processesOf(rig.config.packageRoot)).toEqual([]);
    expect(await down(rig.config)).toEqual([]);
  }, 60_000);

  it('start again on the same database and end with `down`', async () => {
    await up(rig.config, { say, waitForMlflow: false, env: rig.env });
    expect(view('temporal').state).toBe('running');
    expect((await down(rig.config)).sort()).toEqual(['temporal', 'worker']);
    expect(processesOf(rig.config.packageRoot)).toEqual([]);
    expect(view('temporal').state).toBe('stopped');
  }, 60_000);
});

/** Processes whose command line names the folder. */
function processesOf(folder: string): { pid: number; command: string }[] {
  return execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line }));
}
