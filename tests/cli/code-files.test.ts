// `code` of a command on a real disk: links that lead out, links in it, and its digest.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileFile } from '../../cli/pipeline-file.js';
import type { StepNode } from '../../schemas/generated/plan.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-code-'));
  mkdirSync(join(folder, 'here', 'train'), { recursive: true });
  writeFileSync(join(folder, 'here', 'train', 'train.py'), 'pass\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function look(code: string) {
  const path = join(folder, 'here', 'x.yaml');
  writeFileSync(path, `pawl: 1\nname: x\nsteps: { a: { uses: command, run: [python, train.py], code: "${code}" } }\n`);
  const { output, files } = await compileFile(path, { set: {} });
  const node = output.plan?.steps['a'] as StepNode | undefined;
  const errors = output.diagnostics.filter(({ severity }) => severity === 'error');
  return { files, code: node?.with['code'], errors: errors.map((item) => `${item.code}: ${item.message}`) };
}

describe('code', () => {
  it('is named in the plan by its digest, which a cache of Python does not change', async () => {
    const before = await look('./train');
    expect(before.errors).toEqual([]);
    expect(before.files).toEqual([{ path: join(folder, 'here', 'train'), use: 'code' }]);
    mkdirSync(join(folder, 'here', 'train', '__pycache__'));
    writeFileSync(join(folder, 'here', 'train', '__pycache__', 'train.pyc'), 'x');
    expect((await look('./train')).code).toEqual(before.code);
    writeFileSync(join(folder, 'here', 'train', 'train.py'), 'pass # changed\n');
    expect((await look('./train')).code).not.toEqual(before.code);
  });

  it('behind a link that leads out of the folder is refused, one within it is not', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'here', 'out'));
    symlinkSync(join(folder, 'here', 'train'), join(folder, 'here', 'within'));
    expect((await look('./out')).errors).toEqual([expect.stringMatching(/^file-outside: .*`\.\/out` lies outside/)]);
    expect((await look('./within')).errors).toEqual([]);
  });

  it('with a link in it cannot be stored, and the message says which', async () => {
    symlinkSync('/etc/hosts', join(folder, 'here', 'train', 'hosts'));
    expect((await look('./train')).errors).toEqual([expect.stringMatching(/^bad-value: .*"hosts" in .* is a link/)]);
  });
});
