import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { kindImplementations } from '../../activities/kinds/index.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { kindsOf } from '../../worker/kinds.js';

const packageRoot = resolve(import.meta.dirname, '../fixtures/kinds');

it('a worker has the kinds of Pawl, and those of the configuration beside them', () => {
  const kinds = [{ declaration: './shout.json' }, { declaration: './count.json' }];
  const all = kindsOf({ kinds, packageRoot });
  expect(Object.keys(all.declarations)).toEqual([...Object.keys(stepKinds), 'acme.shout', 'acme.count']);
  expect(Object.keys(all.implementations)).toEqual([...Object.keys(kindImplementations), 'acme.shout', 'acme.count']);
  expect(all.pythonFolders).toEqual([packageRoot]);
});

it('a worker does not start with two kinds of one name', () => {
  const kinds = [{ declaration: './shout.json' }, { declaration: './shout.json' }];
  expect(() => kindsOf({ kinds, packageRoot })).toThrow('there is a step kind `acme.shout` already');
});
