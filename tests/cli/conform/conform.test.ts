// The conformance kit on a trainer that does everything right and on ones that each do one thing wrong.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformance, type Check } from '../../../cli/conform/checks.js';
import { repository } from '../../local/built.js';

const python = join(repository, '.pawl', 'python', 'bin', 'python');
const program = join(repository, 'tests', 'fixtures', 'conform', 'trainer.py');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-conform-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tried = (fault: string): Promise<Check[]> =>
  conformance(
    {
      argv: ['python', program, ...(fault === '' ? [] : [fault])],
      ...{ inputs: {}, code: null, codeFile: null, outputs: ['model'], seed: 3, everySteps: 4, env: [] },
      ...{ binFolder: dirname(python), timeoutMs: 60_000, graceMs: 2_000, root: join(folder, fault || 'right') },
    },
    () => undefined,
  );

const wrong = (checks: Check[]): Record<string, string> =>
  Object.fromEntries(checks.filter(({ state }) => state === 'fails').map(({ name, detail }) => [name, detail]));

describe('a trainer', () => {
  it('that does everything right conforms', async () => {
    const checks = await tried('');
    expect(checks.map(({ name, state, detail }) => `${state} ${name}: ${detail}`)).toEqual([
      'ok ends well: 15 events, 1 files',
      'ok is repeatable: two undisturbed runs end with the same files',
      'ok writes checkpoints: after the steps 4, 8, 12',
      'ok resumes after kill -9 at a checkpoint: went on from the steps 4, 8, 12: the same files',
      expect.stringMatching(/^ok resumes after kill -9 between two: went on from step [48]: the same files$/),
      expect.stringMatching(/^ok ignores a half-written checkpoint: went on from step [48]: the same files$/),
      expect.stringMatching(/^ok stops on SIGTERM with a checkpoint: went on from step \d+: the same files$/),
      'ok reports each point once: 24 points',
      'ok writes only in its folder: nothing in its home, and nothing where this command was called',
    ]);
  }, 120_000);

  it.concurrent.each<[string, string, RegExp]>([
    [
      'forgets-generator',
      'resumes after kill -9 at a checkpoint',
      /model\/total differs between an undisturbed run and/,
    ],
    ['named-too-early', 'resumes after kill -9 at a checkpoint', /ended with exit code 1: .*state\.json/],
    ['repeats-points', 'reports each point once', /total at 4 is there 2 times/],
    ['ignores-sigterm', 'stops on SIGTERM with a checkpoint', /ended with exit code 0 instead of exit code 15/],
    ['writes-elsewhere', 'writes only in its folder', /it wrote newest\.json in its home/],
    ['writes-into-resume', 'resumes after kill -9 at a checkpoint', /changed the checkpoint of step \d+/],
    ['never-the-same', 'is repeatable', /differs between two undisturbed runs/],
  ])(
    'that %s fails where it says `%s`',
    async (fault, check, detail) => {
      expect(wrong(await tried(fault))[check]).toMatch(detail);
    },
    180_000,
  );

  it('that cannot be started is told so, and nothing else is tried', async () => {
    const checks = await conformance(
      {
        argv: ['./no-such-trainer'],
        ...{ inputs: {}, code: null, codeFile: null, outputs: ['model'], seed: 3, everySteps: 4, env: [] },
        ...{ binFolder: null, timeoutMs: 60_000, graceMs: 2_000, root: join(folder, 'absent') },
      },
      () => undefined,
    );
    expect(checks).toEqual([{ name: 'ends well', state: 'fails', detail: 'it cannot be started: ENOENT' }]);
  });
});
