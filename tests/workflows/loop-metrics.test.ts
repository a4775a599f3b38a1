import { describe, expect, it } from 'vitest';
import { deepMetrics, flatMetrics, nestedMetrics } from '../../workflows/loop-metrics.js';

describe('metrics of an iteration', () => {
  it('of a nested loop get dotted names in a click, and come back as a tree', () => {
    const inner = { update: { kl: 0.5, lost: null }, dev: { deep: { ndcg: 1 } } };
    const flat = flatMetrics(inner);
    expect(flat).toEqual({ 'update.kl': 0.5, 'update.lost': null, 'dev.deep.ndcg': 1 });
    expect(deepMetrics({ inner: flat, plain: { loss: 2 } })).toEqual({ inner, plain: { loss: 2 } });
  });

  it('of nodes of inlined files are read name by name; those of cells stay whole', () => {
    const cells = { 'train[lr=0.001]': { loss: 3 }, 'x.train[lr=0.5]': { loss: 4 } };
    const tree = { 'x.dev': { ndcg: 1 }, 'x.deep.dev': { ndcg: 2 }, plain: { loss: null }, ...cells };
    expect(nestedMetrics(tree)).toEqual({
      x: { dev: { ndcg: 1 }, deep: { dev: { ndcg: 2 } } },
      plain: { loss: null },
      ...cells,
    });
    const without = { plain: { loss: 1 }, ...cells };
    expect(nestedMetrics(without)).toBe(without);
  });
});
