import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mlflowUrl } from '../../local/addresses.js';
import { down } from '../../local/down.js';
import { ps } from '../../local/ps.js';
import { up } from '../../local/up.js';
import { ensureBuilt } from './built.js';
import { homeRig, type HomeRig } from './home-rig.js';

describe('the embedded MLflow server', () => {
  let rig: HomeRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await homeRig({ mlflow: true });
    await up(rig.config, { say: () => undefined, waitForMlflow: true, env: rig.env });
  }, 150_000);
  afterAll(async () => rig.dispose(), 60_000);

  const pid = (): number | null => ps(rig.config).find(({ name }) => name === 'mlflow')?.pid ?? null;
  const answers = (): Promise<boolean> =>
    fetch(`${mlflowUrl(rig.config) ?? ''}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  const processes = (): string[] =>
    execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(`--port ${rig.config.ports.mlflow}`));

  it('answers again after kill -9, although its own child held the port', async () => {
    expect(await answers()).toBe(true);
    const before = pid();
    process.kill(before ?? 0, 'SIGKILL');
    for (let i = 0; i < 400 && (pid() === before || pid() === null || !(await answers())); i++) await sleep(200);
    expect(pid()).not.toBe(before);
    expect(await answers()).toBe(true);
  }, 120_000);

  it('leaves no process behind after `down`', async () => {
    expect(processes().length).toBeGreaterThan(0);
    expect((await down(rig.config)).sort()).toEqual(['mlflow', 'temporal', 'worker']);
    expect(processes()).toEqual([]);
  }, 60_000);
});
