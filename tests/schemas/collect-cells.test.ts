import { describe, expect, it } from 'vitest';
import { collectCells, recordedMatrices } from '../../schemas/collect-cells.js';
import type { MatrixNode } from '../../schemas/generated/plan.js';

const node: MatrixNode = {
  node: 'matrix',
  deps: [],
  cells: [2, 10, 1].map((x) => ({ name: `a[x=${x}]`, matrix: { x } })),
  best: { metric: 'loss', goal: 'minimize' },
  else: null,
  summary: '',
};
const values = (losses: Record<string, number | null>) => (cell: string) =>
  Object.hasOwn(losses, cell) ? { outputs: {}, metrics: { loss: losses[cell] ?? null } } : undefined;

describe('collected cells', () => {
  it('are those that ran, in the order of the plan', () => {
    const { cells } = collectCells(node, values({ 'a[x=1]': 3, 'a[x=2]': 5 }));
    expect(cells.map(({ name, matrix, metrics }) => [name, matrix, metrics])).toEqual([
      ['a[x=2]', { x: 2 }, { loss: 5 }],
      ['a[x=1]', { x: 1 }, { loss: 3 }],
    ]);
  });

  it('have a best: the smallest or the largest, of equals the first by name', () => {
    const losses = { 'a[x=1]': 3, 'a[x=2]': 3, 'a[x=10]': 3.5 };
    expect(collectCells(node, values(losses)).best?.name).toBe('a[x=1]');
    const largest: MatrixNode = { ...node, best: { metric: 'loss', goal: 'maximize' } };
    expect(collectCells(largest, values(losses)).best?.name).toBe('a[x=10]');
    expect(collectCells({ ...node, best: null }, values(losses)).best).toBeNull();
  });

  it('without a finite value never win', () => {
    const losses = { 'a[x=1]': null, 'a[x=2]': Number.NaN, 'a[x=10]': 9 };
    expect(collectCells(node, values(losses)).best?.name).toBe('a[x=10]');
    expect(collectCells(node, values({ 'a[x=1]': null })).best).toBeNull();
  });
});

describe('recorded matrices', () => {
  it('have the metrics of the best cell, which are recorded under the name of the step', () => {
    const recorded: Record<string, Record<string, number>> = { a: { loss: 3 }, 'a[x=1]': { loss: 3 } };
    expect(recordedMatrices({ a: node }, (name) => recorded[name], {})).toEqual({
      a: {
        outputs: {},
        metrics: { loss: 3 },
        cells: [{ name: 'a[x=1]', matrix: { x: 1 }, metrics: { loss: 3 } }],
        best: { outputs: {}, metrics: { loss: 3 } },
      },
    });
    expect(recordedMatrices({ a: node }, () => undefined, {})).toEqual({});
  });
});
