import { describe, expect, it } from 'vitest';
import { deepMetrics, flatMetrics } from '../../workflows/loop-metrics.js';

describe('metrics of an iteration', () => {
  it('of a nested loop get dotted names in a click, and come back as a tree', () => {
    const inner = { update: { kl: 0.5, lost: null }, dev: { deep: { ndcg: 1 } } };
    const flat = flatMetrics(inner);
    expect(flat).toEqual({ 'update.kl': 0.5, 'update.lost': null, 'dev.deep.ndcg': 1 });
    expect(deepMetrics({ inner: flat, plain: { loss: 2 } })).toEqual({ inner, plain: { loss: 2 } });
  });
});
