import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isAbandoned, ownerMark } from '../../store/temporary-owner.js';

test('of a process that has ended is abandoned; of a live one, of another machine and of nobody it is not', () => {
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const own = `${ownerMark()}0123`;
  const [machine = ''] = own.split('.');
  expect([own, `${machine}.${ended}.0123`, `00000000.${ended}.0123`, 'young'].map(isAbandoned)).toEqual([
    false,
    true,
    false,
    false,
  ]);
});
