// What the set-up says on a machine where something is missing: the real legs, with a PATH made for the case.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDisk } from '../../scripts/setup/disk.mjs';
import { checkNode, installedMatches } from '../../scripts/setup/node-packages.mjs';
import { remedyFor } from '../../scripts/setup/problem.mjs';
import { findPython, planPython } from '../../scripts/setup/python-environment.mjs';
import { checkGo, planTemporal } from '../../scripts/setup/temporal-server.mjs';

const goMod = 'module temporal-server\n\ngo 1.26.4\n';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A PATH with only these programs; each prints its text whatever it is asked. */
function machineWith(programs: Record<string, string>): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { PATH: bin };
}

/** A clone with only the files that the legs look at. */
function clone(): string {
  mkdirSync(join(folder, 'clone', 'trainer'), { recursive: true });
  mkdirSync(join(folder, 'clone', 'scripts', 'temporal-server'), { recursive: true });
  writeFileSync(join(folder, 'clone', 'trainer', 'requirements.txt'), 'torch==2.13.0\n');
  writeFileSync(join(folder, 'clone', 'scripts', 'temporal-server', 'go.mod'), goMod);
  return join(folder, 'clone');
}

describe('the Node leg', () => {
  it('refuses a Node that is too old and says how to get another', () => {
    expect(() => checkNode('20.18.3')).toThrow(
      /Node 20\.18\.3 is too old: Pawl needs Node 20\.19 or newer\.\n {2}-> Install/,
    );
    expect(() => checkNode('20.19.0')).not.toThrow();
    expect(() => checkNode('22.1.0')).not.toThrow();
  });

  it('finds node_modules ready only when every package is there in its version', () => {
    const a = { version: '1.0.0', integrity: 'sha512-a' };
    const lock = { packages: { '': {}, 'node_modules/a': a, 'node_modules/b': { ...a, optional: true } } };
    expect(installedMatches(lock, '')).toBe(false);
    expect(installedMatches(lock, JSON.stringify({ packages: { 'node_modules/a': a } }))).toBe(true);
    expect(installedMatches(lock, JSON.stringify({ packages: { 'node_modules/a': { ...a, version: '0.9.0' } } }))).toBe(
      false,
    );
    expect(installedMatches(lock, JSON.stringify({ packages: { 'node_modules/b': a } }))).toBe(false);
  });
});

describe('the Python leg', () => {
  it('says that there is no Python, what it tried, and how to get one', () => {
    const plan = () => planPython({ root: clone(), home: join(folder, 'home'), env: machineWith({}) });
    expect(plan).toThrow(/No Python was found \(tried python3, python, .*\)[^]*-> Install Python 3\.10 or newer/);
  });

  it('says which Python is too old', () => {
    const env = machineWith({ python3: 'echo Python 3.8.10', python: 'echo Python 2.7.18' });
    expect(() => findPython(env)).toThrow(/Python is too old \(python3 is 3\.8\.10, python is 2\.7\.18\)/);
  });

  it('takes the newer of two Pythons, whatever its name', () => {
    expect(findPython(machineWith({ python3: 'echo Python 3.8.10', 'python3.12': 'echo Python 3.12.1' }))).toBe(
      'python3.12',
    );
  });

  it('says that the module for virtual environments is missing', () => {
    const env = machineWith({ python3: 'case "$1" in --version) echo Python 3.11.2;; *) exit 1;; esac' });
    expect(() => findPython(env)).toThrow(/python3 cannot make virtual environments[^]*apt-get install python3-venv/);
  });

  it('names PAWL_BASE_PYTHON when that is what could not be used', () => {
    const env = { ...machineWith({ python3: 'echo Python 3.11.2' }), PAWL_BASE_PYTHON: 'no-such-python' };
    expect(() => findPython(env)).toThrow(/No Python was found \(tried PAWL_BASE_PYTHON=no-such-python\)/);
  });
});

describe('the Temporal leg', () => {
  const plan = (env: NodeJS.ProcessEnv) => planTemporal({ root: clone(), home: join(folder, 'home'), env });

  it('does nothing when TEMPORAL_ADDRESS names a server', () => {
    expect(plan({ ...machineWith({}), TEMPORAL_ADDRESS: 'temporal.example:7233' })).toBeNull();
  });

  it('says that there is neither a Temporal CLI nor Go, and the three ways out', () => {
    expect(() => plan(machineWith({}))).toThrow(
      /No Temporal CLI 1\.8 and no Go to build it with\.[^]*Install Go 1\.26\.4[^]*install the Temporal CLI 1\.8, or set TEMPORAL_ADDRESS/,
    );
  });

  it('says that Go is too old to fetch its successor', () => {
    expect(() => checkGo(goMod, machineWith({ go: 'echo go version go1.19.8 linux/amd64' }))).toThrow(
      /Go 1\.19\.8 is too old to build the Temporal server: it needs 1\.26\.4/,
    );
  });

  it('accepts a Go that fetches the tool chain, unless it is told not to', () => {
    const go = (toolchain: string) => ({
      go: `case "$1" in env) echo ${toolchain};; *) echo go version go1.22.0 linux/amd64;; esac`,
    });
    expect(() => checkGo(goMod, machineWith(go('auto')))).not.toThrow();
    expect(() => checkGo(goMod, machineWith(go('local')))).toThrow(/GOTOOLCHAIN=auto/);
  });

  it('uses a Temporal CLI of the same minor version from PATH, and no other', async () => {
    const temporal = (version: string) => ({
      temporal: `echo "temporal version ${version} (Server 1.31.2, UI 2.50.1)"`,
    });
    expect(() => plan(machineWith(temporal('1.7.3')))).toThrow(/No Temporal CLI 1\.8/);
    const usable = plan(machineWith(temporal('1.8.0')));
    await usable?.run(() => undefined);
    expect(readFileSync(join(folder, 'home', 'bin', 'temporal'), 'utf8')).toContain('1.8.0');
  });
});

describe('the disk and the network', () => {
  it('refuses to start when the disk has no room, with both numbers', () => {
    expect(() => checkDisk('/somewhere', 8e9, () => 1.25e9)).toThrow(
      /Not enough disk: 1\.3 GB are free, 8\.0 GB are needed\.\n {2}-> Free some space on the disk that holds \/somewhere/,
    );
    expect(() => checkDisk('/somewhere', 8e9, () => 9e9)).not.toThrow();
  });

  it('tells a full disk and an unreachable network from other failures', () => {
    const place = { mirror: 'GOPROXY', log: 'setup.log' };
    expect(remedyFor('write x: no space left on device', place)).toMatch(/disk is full/);
    expect(remedyFor('npm error code ENOTFOUND', place)).toMatch(/network could not be reached[^]*GOPROXY/);
    expect(remedyFor('dial tcp: lookup proxy: no such host', place)).toMatch(/network could not be reached/);
    expect(remedyFor('syntax error', place)).toMatch(/Read the lines above/);
  });
});
