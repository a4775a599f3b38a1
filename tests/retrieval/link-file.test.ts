// Sharing a file instead of copying it.
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkFile } from '../../retrieval/link-file.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-link-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('linkFile', () => {
  it('makes the same file under another name, also through a symbolic link', async () => {
    writeFileSync(join(dir, 'a'), 'x');
    symlinkSync(join(dir, 'a'), join(dir, 'l'));
    await linkFile(join(dir, 'l'), join(dir, 'b'));
    expect(statSync(join(dir, 'b')).ino).toBe(statSync(join(dir, 'a')).ino);
  });

  it('copies where linking is impossible', async () => {
    writeFileSync(join(dir, 'c'), 'new');
    await linkFile(join(dir, 'c'), join(dir, 'd'), () => Promise.reject(new Error('EXDEV')));
    expect(readFileSync(join(dir, 'd'), 'utf8')).toBe('new');
    expect(statSync(join(dir, 'c')).ino).not.toBe(statSync(join(dir, 'd')).ino);
  });

  it('never writes into a file that is there', async () => {
    writeFileSync(join(dir, 'f'), 'new');
    writeFileSync(join(dir, 'g'), 'old');
    await expect(linkFile(join(dir, 'f'), join(dir, 'g'))).rejects.toThrow(/EEXIST/);
    expect(readFileSync(join(dir, 'g'), 'utf8')).toBe('old');
  });

  it('fails for a missing file', async () => {
    await expect(linkFile(join(dir, 'none'), join(dir, 'e'))).rejects.toThrow(/ENOENT/);
  });
});
