import { expect, test } from 'vitest';
import { StoreError, unavailable } from '../../store/errors.js';

const failed = (code: string): Error => Object.assign(new Error(`${code}: no`), { code });

test.each([
  [
    'ENOSPC',
    /^Cannot write \/data\/x: the disk is full\. Free some space there.*\(ENOSPC\)\. The disk at .* MB free of/,
  ],
  ['EIO', /reported a fault/],
  ['EACCES', /permission denied\. Give the user/],
  ['EROFS', /read-only/],
  ['EMFILE', /ulimit -n/],
  ['ESTALE', /the system refused.*\(ESTALE\)/],
])('%s names the path and the way out', (code, message) => {
  const error = unavailable(failed(code), 'write', '/data/x');
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ failureClass: 'store_unavailable', message: expect.stringMatching(message) as string });
});

test('an error of the store and a bug pass unchanged', () => {
  const own = new StoreError('data', 'no');
  const bug = new TypeError('undefined is not a function');
  expect(unavailable(own, 'read', '/x')).toBe(own);
  expect(unavailable(bug, 'read', '/x')).toBe(bug);
});
