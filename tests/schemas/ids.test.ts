import { describe, expect, it } from 'vitest';
import { cellName, childPath, formatPath, isShard, iterationPath, parsePath, shardName } from '../../schemas/ids.js';

describe('a step path', () => {
  it('names a step in an iteration', () => {
    expect(childPath(iterationPath('rl', 12), 'update')).toBe('rl[12].update');
    expect(childPath('', 'sft')).toBe('sft');
  });

  it.each([
    'sft',
    'rl[12].update',
    'outer[0].inner[3].step_2',
    'train[lr=0.001,seed=2]',
    'rl[3].train[lr=1e-7,split=source/py].x',
    'train[text="a \\"b\\", [1].c",x=true]',
  ])('%s reads and writes back', (text) => {
    expect(formatPath(parsePath(text) ?? [])).toBe(text);
  });

  it('of a cell has the name of its step in the plan, dots and all', () => {
    expect(parsePath('rl[3].train[lr=0.001,seed=2]')).toEqual([
      { name: 'rl', index: 3 },
      { name: 'train[lr=0.001,seed=2]', index: null },
    ]);
  });

  it.each([
    ...['', 'Sft', 'rl[].x', 'rl[01].x', 'a..b', 'rl[-1]', 'a.', 'rl[1][2]'],
    ...['a[lr=]', 'a[lr=1', 'a[=1]', 'a[lr=1,]', 'a[lr=1 2]', 'a[lr="1]', 'a[lr=1]b', 'a b', 'a[lr=1][2].b', 'rl[1'],
  ])('%s is refused', (text) => {
    expect(parsePath(text)).toBeNull();
  });
});

describe('the name of a cell', () => {
  it('has the axes in the order of their names, and numbers as JSON writes them', () => {
    expect(cellName('train', { seed: 2, lr: 1.0e-3 })).toBe('train[lr=0.001,seed=2]');
    expect(cellName('train', { lr: 0.0000001, on: true, split: 'dev-2' })).toBe('train[lr=1e-7,on=true,split=dev-2]');
  });

  it('differs for values that differ, whatever their type, and reads back', () => {
    const values = [1, '1', true, 'true', '1e3', 1000, 'a,b', 'a]', '', ' ', 'ä', 'a=b', '"', '\\', '0x10', 'Infinity'];
    const names = values.map((value) => cellName('a', { x: value }));
    expect(new Set(names).size).toBe(values.length);
    for (const name of names) expect(parsePath(name)).toEqual([{ name, index: null }]);
  });
});

describe('the path of a shard', () => {
  it.each([
    ['index', 'index[3/8]'],
    ['x.index', 'x.index[3/8]'],
    ['index[batch=64]', 'index[batch=64,3/8]'],
    ['index[name="a,1/2"]', 'index[name="a,1/2",3/8]'],
    ['rl[12].index', 'rl[12].index[3/8]'],
  ])('of %s is %s, and reads back', (step, path) => {
    expect(shardName(step, { shard: 3, shards: 8 })).toBe(path);
    const segments = parsePath(path);
    expect(segments?.at(-1)).toEqual({ name: path.replace('rl[12].', ''), index: null });
    expect(formatPath(segments ?? [])).toBe(path);
    expect([isShard(path), isShard(step)]).toEqual([true, false]);
  });

  it('is no path where it counts from 0, or is not in brackets at the end', () => {
    expect(['index[0/8]', 'index[3/]', 'index[3/8', 'index[3/8]x'].map(parsePath)).toEqual([null, null, null, null]);
    expect(isShard('index[a="1/2"]')).toBe(false);
  });
});
