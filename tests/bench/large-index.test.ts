// The bench of a large index, on a small one: every part runs, and what it writes has the size that it should.
import { describe, expect, it } from 'vitest';
import { largeIndexTable, measureLargeIndex, type LargeIndexSize } from '../../bench/large-index.js';

const size: LargeIndexSize = {
  ...{ rows: 1500, dimension: 8, type: 'float16', shardRows: 600 },
  ...{ queries: 16, fraction: 0.02 },
};

describe('measureLargeIndex', () => {
  it('times each part and counts the bytes that it leaves', async () => {
    const said: string[] = [];
    const costs = await measureLargeIndex(size, (what) => said.push(what));
    expect(costs.map(({ what }) => what)).toEqual(said);
    const bytes = (what: string): number => costs.find((cost) => cost.what.startsWith(what))?.bytes ?? 0;
    expect(bytes('build')).toBeGreaterThan(1500 * (8 + 1) * 2);
    // 30 rows and their numbers, and the manifest.
    expect(bytes('write the delta')).toBeLessThan(30 * (8 * 2 + 4) + 4000);
    expect(bytes('compact')).toBeGreaterThan(1500 * 8 * 2);
    expect(largeIndexTable(size, costs).split('\n').length).toBe(4 + costs.length);
  });
});
