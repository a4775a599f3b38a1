// `pawl test` as a process: what it writes, its exit status, and that it leaves no trace.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { junitOf } from '../../cli/junit.js';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

describe('pawl test', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    const write = (name: string, text: string): void => writeFileSync(join(rig.folder, name), text);
    write('p.yaml', 'pawl: 1\nname: p\nsteps:\n  nap: { uses: test.sleep }\n');
    write(
      'good.test.yaml',
      'pipeline: ./p.yaml\ncases:\n  it naps:\n    steps: { nap: { takes: 2h } }\n    expect: { took: 2h }\n',
    );
    write('bad.test.yaml', 'pipeline: ./p.yaml\ncases:\n  it fails:\n    expect: { state: failed }\n  it ends:\n');
    write('wrong.test.yaml', 'pipeline: ./p.yaml\ncases:\n  it naps:\n    steps: { nip: {} }\n');
  }, 120_000);
  afterAll(async () => rig.dispose());

  it('ends with 0 when every case passes, and has started and written nothing', async () => {
    const { code, stdout, stderr } = await rig.pawl(['test', 'good.test.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^good\.test\.yaml\n {2}ok {4}it naps {2}\(2h in \d+ ms\)\n1 case passed\n$/);
    expect(existsSync(join(rig.folder, 'home'))).toBe(false);
  });

  it('ends with 1 when a case fails, and says where and why', async () => {
    const { code, stdout } = await rig.pawl(['test', 'good.test.yaml', 'bad.test.yaml']);
    expect(code).toBe(1);
    expect(stdout).toContain('bad.test.yaml:4:22: the run was to end as failed, and it succeeded\n');
    expect(stdout).toMatch(/\n3 cases: 2 passed, 1 failed\n$/);
  });

  it('ends with 2 when a file is wrong, and still tests the others', async () => {
    const { code, stdout } = await rig.pawl(['test', 'wrong.test.yaml', 'good.test.yaml']);
    expect(code).toBe(2);
    expect(stdout).toContain('wrong.test.yaml:4:14: there is no step `nip` [unknown-reference]');
    expect(stdout).toMatch(/\n1 case passed; 1 file could not be tested\n$/);
    expect((await rig.pawl(['test', 'none.test.yaml'])).stderr).toBe(
      'pawl: none.test.yaml: there is no such file. Name a test file, such as pipelines/quickstart.test.yaml.\n',
    );
  });

  it('tests only the cases that are asked for', async () => {
    expect((await rig.pawl(['test', 'bad.test.yaml', '--filter', 'ends'])).code).toBe(0);
    const none = await rig.pawl(['test', 'bad.test.yaml', '--filter', 'sings']);
    expect({ code: none.code, stderr: none.stderr }).toEqual({
      code: 2,
      stderr: 'pawl: no case has "sings" in its name\n',
    });
  });

  it('writes JSON lines and JUnit XML', async () => {
    const { stdout } = await rig.pawl(['test', 'bad.test.yaml', '--json', '--junit', 'out.xml']);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records).toMatchObject([
      { type: 'case', name: 'it fails', ok: false, tookMs: 0, failures: [{ at: { line: 4, column: 22 } }] },
      { type: 'case', name: 'it ends', ok: true },
      { type: 'file', file: 'bad.test.yaml', ok: false, diagnostics: [] },
      { type: 'summary', cases: 2, failed: 1, broken: 0 },
    ]);
    const xml = readFileSync(join(rig.folder, 'out.xml'), 'utf8');
    expect(xml).toContain('<testsuite name="bad.test.yaml" tests="2" failures="1" errors="0"');
    expect(xml).toContain('<failure message="the run was to end as failed, and it succeeded">');
  });
});

describe('the JUnit report', () => {
  it('escapes what XML cannot hold, and tells all failures of a case', () => {
    const at = { file: 'a&b.yaml', line: 3, column: 5, endLine: 3, endColumn: 6 };
    const failure = (message: string) => ({ at, message, hint: null });
    const result = { name: 'a "<case>" \u0007', at, tookMs: 1500, failures: [failure('x < 1'), failure('y & z')] };
    const broken = { file: 'w.yaml', cases: [], broken: 'w.yaml:1:1: not YAML <' };
    expect(junitOf([{ file: 'a&b.yaml', cases: [{ result, wallMs: 12 }], broken: null }, broken])).toBe(
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuites name="pawl test">',
        '  <testsuite name="a&amp;b.yaml" tests="1" failures="1" errors="0" time="0.012">',
        '    <testcase name="a &quot;&lt;case&gt;&quot; \\u0007" classname="a&amp;b.yaml" file="a&amp;b.yaml" line="3" time="0.012"><properties><property name="virtual-seconds" value="1.5"/></properties><failure message="x &lt; 1 (and 1 more)">a&amp;b.yaml:3:5: x &lt; 1\na&amp;b.yaml:3:5: y &amp; z</failure></testcase>',
        '  </testsuite>',
        '  <testsuite name="w.yaml" tests="0" failures="0" errors="1" time="0.000">',
        '    <testcase name="w.yaml" classname="w.yaml"><error message="it cannot be tested">w.yaml:1:1: not YAML &lt;</error></testcase>',
        '  </testsuite>',
        '</testsuites>',
        '',
      ].join('\n'),
    );
  });
});
