import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ingestFolder } from '../../store/artifacts.js';
import { copyArtifact } from '../../store/copy-artifact.js';
import { digestOf } from '../../schemas/identity.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const files = { 'a.txt': 'alpha', 'deep/b.txt': 'beta', empty: '' };
const stored = async () => ingestFolder(bench().store, await bench().folder('out', files), 'folder');
const blobOf = (text: string): string => join(bench().storeDir, names.blob(digestOf(text)));

describe('a copy of an artifact', () => {
  it('has its files, as plain files that may be changed without harm to the store', async () => {
    const { tree } = await stored();
    const target = join(bench().dir, 'new', 'copy');
    expect(await copyArtifact(bench().store, tree, target)).toEqual({ files: 3, bytes: 9 });
    for (const [name, text] of Object.entries(files)) expect(readFileSync(join(target, name), 'utf8')).toBe(text);
    expect(lstatSync(join(target, 'a.txt')).nlink).toBe(1);
    writeFileSync(join(target, 'a.txt'), 'mine');
    expect(readFileSync(blobOf('alpha'), 'utf8')).toBe('alpha');
    expect(readdirSync(join(bench().dir, 'new'))).toEqual(['copy']);
  });

  it('goes into an empty folder, and into no other', async () => {
    const { tree } = await stored();
    const target = join(bench().dir, 'there');
    mkdirSync(target);
    await copyArtifact(bench().store, tree, target);
    await expect(copyArtifact(bench().store, tree, target)).rejects.toMatchObject({
      failureClass: 'config',
      message: `${target} is there already and not empty. Name another folder with --to.`,
    });
    const link = join(bench().dir, 'link');
    symlinkSync(join(bench().dir, 'nowhere'), link);
    await copyArtifact(bench().store, tree, link).catch(() => undefined);
    expect(existsSync(join(bench().dir, 'nowhere'))).toBe(false);
  });

  it('is not made of a wrong byte, which is moved aside, and leaves nothing behind', async () => {
    const { tree } = await stored();
    const blob = blobOf('beta');
    chmodSync(blob, 0o644);
    writeFileSync(blob, 'bata');
    const target = join(bench().dir, 'copy');
    await expect(copyArtifact(bench().store, tree, target)).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
      message: expect.stringContaining('The file deep/b.txt of an artifact does not match its digest.') as string,
    });
    expect(existsSync(blob)).toBe(false);
    await expect(copyArtifact(bench().store, tree, target)).rejects.toThrow(/no longer has the file deep\/b\.txt/);
    expect(readdirSync(bench().dir).sort()).toEqual(['out', 'store']);
  });

  it('of a list of files that leads out of its folder is refused', async () => {
    const body = JSON.stringify({ files: [{ bytes: 5, digest: digestOf('alpha'), path: '../escaped' }], schema: 1 });
    await stored();
    const tree = digestOf(body);
    await bench().store.createIfAbsent(names.blob(tree), body);
    await expect(copyArtifact(bench().store, tree, join(bench().dir, 'copy'))).rejects.toThrow(/'\.\.' in its path/);
    expect(existsSync(join(bench().dir, 'escaped'))).toBe(false);
  });
});
