import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KindError, readUserKinds } from '../../activities/user-kinds.js';

const fixtures = resolve(import.meta.dirname, '../fixtures/kinds');
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pawl-own-'));
  cpSync(fixtures, join(root, 'acme'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const read = (declaration: string, implementation?: string) =>
  readUserKinds([{ declaration, ...(implementation === undefined ? {} : { implementation }) }], root, ['train.sft']);
const replace = (file: string, from: string, to: string): void => {
  const path = join(root, 'acme', file);
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
};

describe('step kinds of the configuration', () => {
  it('are found beside their declaration, in JavaScript or Python', async () => {
    const [shout] = read('./acme/shout.json');
    expect(shout).toMatchObject({ declaration: { kind: 'acme.shout' }, pythonFolder: null });
    expect(typeof (await shout?.load())).toBe('function');
    expect(read('./acme/count.json')).toMatchObject([{ pythonFolder: join(root, 'acme') }]);
  });

  it('are found in an installed package', async () => {
    const folder = join(root, 'node_modules', 'acme-kinds');
    mkdirSync(folder, { recursive: true });
    cpSync(fixtures, folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "name": "acme-kinds", "version": "1.0.0", "type": "module" }');
    const [shout] = read('acme-kinds/shout.json', 'acme-kinds/shout.js');
    expect(typeof (await shout?.load())).toBe('function');
  });

  it.each([
    ['./acme/none.json', undefined, /cannot be found: .*none\.json does not exist\. A path begins with/],
    ['not-installed/shout.json', undefined, /no installed package has it/],
    ['./acme/shout.json', './acme/none.js', /none\.js does not exist/],
    [
      './package.json',
      undefined,
      /package\.json declares no step kind: .*`pawl validate` of a pipeline shows every fault/,
    ],
    ['./acme/shout.js', undefined, /shout\.js is no JSON/],
  ])('are refused where a file is missing or wrong: %s %s', (declaration, implementation, message) => {
    expect(() => read(declaration, implementation)).toThrow(KindError);
    expect(() => read(declaration, implementation)).toThrow(message);
  });

  it('are refused without an implementation, under a name that is taken, and in Python without the trainer', () => {
    rmSync(join(root, 'acme', 'shout.js'));
    expect(() => read('./acme/shout.json')).toThrow('write shout.js or .py there');
    replace('count.json', '"trainer"', '"worker"');
    expect(() => read('./acme/count.json')).toThrow('Declare "runs": "trainer" in `acme.count`');
    replace('count.json', 'acme.count', 'train.sft');
    expect(() => read('./acme/count.json')).toThrow('there is a step kind `train.sft` already');
  });

  it('fail their steps with config when a module exports no run', async () => {
    replace('shout.js', 'export const run', 'export const walk');
    await expect(read('./acme/shout.json')[0]?.load()).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringContaining('exports no function `run`, which `acme.shout` needs') as string,
    });
  });
});
