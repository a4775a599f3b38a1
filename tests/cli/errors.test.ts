import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, repository } from '../local/built.js';
import { freePort } from '../local/home-rig.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

describe('what `pawl` says when it cannot do it', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    const good = 'pawl: 1\nname: demo\nsteps:\n  nap: { uses: test.sleep, with: { steps: 1 } }\n';
    writeFileSync(join(rig.folder, 'good.yaml'), good);
    writeFileSync(
      join(rig.folder, 'bad.yaml'),
      good.replace('test.sleep', 'test.slep').replace('name: demo', 'nmae: demo'),
    );
  }, 120_000);
  afterAll(async () => rig.dispose());

  it('a file that is not there', async () => {
    expect(await rig.pawl(['validate', 'none.yaml'])).toEqual({
      ...{ code: 2, stderr: '' },
      stdout:
        'none.yaml: there is no such file. Name a pipeline file, such as pipelines/quickstart.yaml. [file-not-found]\n\nnone.yaml: 1 error\n',
    });
    expect(await rig.pawl(['plan', 'none.yaml'])).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'pawl: none.yaml: there is no such file. Name a pipeline file, such as pipelines/quickstart.yaml.\n',
    });
  });

  it('a file with mistakes: each with its place, and how many', async () => {
    const { code, stdout, stderr } = await rig.pawl(['validate', 'good.yaml', 'bad.yaml']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(stdout).toMatch(/^good\.yaml: ok\nbad\.yaml:/);
    expect(stdout).toContain('bad.yaml:4:16: ');
    expect(stdout).toContain('test.sleep');
    expect(stdout).toMatch(/\nbad\.yaml: \d errors\n$/);
  });

  it('a run of a file with mistakes starts nothing', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'bad.yaml']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^pawl: \d errors in bad\.yaml\n\nbad\.yaml:/);
    expect((await rig.pawl(['ps'])).stdout).not.toContain('running');
  });

  it('an option it does not know, and what it may have been', async () => {
    const { code, stderr } = await rig.pawl(['run', 'good.yaml', '--sed', '1']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      "error: unknown option '--sed'\n(Did you mean one of --seed, --set?)\n(`pawl --help` lists the commands, `pawl COMMAND --help` the options of one)\n",
    );
  });

  it('a value that is none', async () => {
    expect((await rig.pawl(['run', 'good.yaml', '--set', 'lr'])).stderr).toBe(
      'pawl: --set takes name=value, and got `lr`\n',
    );
    expect((await rig.pawl(['ps'], { PAWL_TEMPORAL_PORT: 'x' })).stderr).toBe(
      'pawl: PAWL_TEMPORAL_PORT must be a port from 1 to 65535.\n',
    );
  });

  it('an address where nobody answers, within seconds', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const startedMs = Date.now();
    const { code, stdout, stderr } = await rig.pawl(['run', 'good.yaml'], { TEMPORAL_ADDRESS: address });
    expect(Date.now() - startedMs).toBeLessThan(8_000);
    expect({ code, stdout, stderr }).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: `pawl: No Temporal server answers at ${address}: the connection is refused, nothing listens there.\nTEMPORAL_ADDRESS names this server. Start it, correct the address (host:port), or unset TEMPORAL_ADDRESS to use the embedded server.\n`,
    });
  });

  it('the same as JSON for programs', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'none.yaml', '--json']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'error',
      exitCode: 2,
      message: expect.stringContaining('none.yaml') as string,
    });
  });

  it('a copy that is not built', () => {
    const copy = join(rig.folder, 'copy');
    mkdirSync(join(copy, 'bin'), { recursive: true });
    cpSync(join(repository, 'bin', 'pawl.mjs'), join(copy, 'bin', 'pawl.mjs'));
    expect(() => execFileSync(process.execPath, [join(copy, 'bin', 'pawl.mjs')], { stdio: 'pipe' })).toThrow(
      /not built yet\.\nRun `npm run setup`/,
    );
  });

  it('validate stays within 150 MB and never loads Temporal', async () => {
    const program = `process.argv[2] = 'validate'; process.argv[3] = ${JSON.stringify(join(repository, 'pipelines', 'quickstart.yaml'))};
      process.on('exit', () => console.log('peak', Math.round(process.resourceUsage().maxRSS / 1024)));
      await import(${JSON.stringify(join(repository, 'dist', 'cli', 'main.js'))});`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', program, '--', 'pawl'], {
      encoding: 'utf8',
    });
    expect(out).toContain('ok');
    expect(Number(/peak (\d+)/.exec(out)?.[1])).toBeLessThan(150);
  });
});
