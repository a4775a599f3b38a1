import { describe, expect, it } from 'vitest';
import { advance, nextBatch, rest, type Progress, type Unit } from '../../tracking/progress.js';
import { finalUnit, iterationUnit, journalUnits, placeOf } from '../../tracking/units.js';

const nothing: Progress = { last: {}, iterations: {}, finals: [] };

describe('the name of a metric', () => {
  it.each([
    ['sft', 'sft', null],
    ['rl[12].update', 'rl.update', 12],
    ['a[3].b[4].c', 'a.3.b.c', 4],
    ['left.right', 'left.right', null],
    ['rl[2].train[lr=0.001,text="[7]"]', 'rl.train[lr=0.001,text="[7]"]', 2],
  ])('of %s begins with %s, at iteration %s', (path, name, iteration) => {
    expect(placeOf(path)).toEqual({ name, iteration });
  });

  it('is cleaned of what MLflow refuses, and values that are not finite are left out', () => {
    const [unit] = journalUnits('train[lr=1e-3]', [{ step: 2, at: 5, values: { loss: 1, norm: null } }]);
    expect(unit?.points).toEqual([{ key: 'train_lr_1e-3_.loss', value: 1, step: 2, timestamp: 5 }]);
  });

  it('of a committed value gives way to the series of the same name', () => {
    const { points } = finalUnit('sft', { loss: 1, seconds: 2 }, 7, { ...nothing, last: { 'sft.loss': 40 } });
    expect(points.map(({ key }) => key)).toEqual(['sft.final.loss', 'sft.seconds']);
  });
});

describe('progress', () => {
  const iteration = (index: number): Unit => iterationUnit('rl.update', index, { kl: index }, 0);

  it('keeps iterations as ranges, in whatever order they come', () => {
    const progress = [3, 0, 1, 5, 2].map(iteration).reduce(advance, nothing);
    expect(progress.iterations).toEqual({ 'rl.update': [[0, 3], [5, 5]] }); // prettier-ignore
    expect(rest(iteration(2), progress)).toBeNull();
    expect(rest(iteration(4), progress)).not.toBeNull();
  });

  it('goes on after the last step of a journal, metric by metric', () => {
    const units = journalUnits('sft', [
      { step: 1, at: 0, values: { loss: 3, norm: 1 } },
      { step: 2, at: 0, values: { loss: 2, norm: 1 } },
    ]);
    const batch = nextBatch(units, { ...nothing, last: { 'sft.loss': 1, 'sft.norm': 2 } }, 1000);
    expect(batch?.points).toEqual([{ key: 'sft.loss', value: 2, step: 2, timestamp: 0 }]);
    expect(nextBatch(units, batch?.then ?? nothing, 1000)).toBeNull();
  });

  it('fills batches with whole units, to the limit', () => {
    const units = Array.from({ length: 5 }, (_, index) => iterationUnit('rl', index, { a: 1, b: 2 }, 0));
    expect(nextBatch(units, nothing, 5)?.points).toHaveLength(4);
    expect(nextBatch(units, nothing, 5)?.then.iterations).toEqual({ rl: [[0, 1]] });
  });
});
