import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { diskText } from '../../store/disk-space.js';
import { unavailable } from '../../store/errors.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-disk-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shape = /^The disk at \/\S* has \d+\.\d MB free of \d+\.\d MB\.$/;

it('names the disk of a path, also of one that is not there yet', () => {
  expect(diskText(folder)).toMatch(shape);
  expect(diskText(join(folder, 'not', 'made'))).toMatch(shape);
});

it('is part of the message of a full disk, and of no other', () => {
  const failed = (code: string) => unavailable(Object.assign(new Error('x'), { code }), 'write', folder) as Error;
  expect(failed('ENOSPC').message).toMatch(/the disk is full\..*\(ENOSPC\)\. The disk at .* MB free of/);
  expect(failed('EACCES').message).not.toContain('MB free');
});
