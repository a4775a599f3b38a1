// Worker threads: results, errors with their class, an event loop that stays free, and a process that may end.
import { afterEach, describe, expect, it } from 'vitest';
import { createThreadPool } from '../../retrieval/thread-pool.js';
import { indexFromVectors } from '../../retrieval/vector-index.js';
import { randomUnitVectors } from './random-vectors.js';

const pool = createThreadPool(2);
afterEach(() => pool.close());

const small = { index: indexFromVectors(Float32Array.of(1, 0, 0, 1), 2), queries: Float32Array.of(1, 0), k: 1 };

describe('createThreadPool', () => {
  it('answers many tasks, each with its own result', async () => {
    const answers = await Promise.all([1, 2, 1, 2].map((k) => pool.run('topRows', { ...small, k })));
    expect(answers.map(({ rows }) => [...rows])).toEqual([[0], [0, 1], [0], [0, 1]]);
  });

  it('keeps the class and words of a failure', async () => {
    const input = {
      corpus: '/does/not/exist',
      queries: ['x'],
      relevant: [[0]],
      ignored: [[]],
      idOrder: Int32Array.of(0),
      settings: { k1: 1, b: 0 },
    };
    await expect(pool.run('bm25Ranks', input)).rejects.toMatchObject({
      failureClass: 'data',
      message: 'corpus.jsonl: the file is missing',
    });
  });

  it('fails tasks under way when it is closed, and starts again', async () => {
    const running = pool.run('topRows', small);
    await pool.close();
    await expect(running).rejects.toThrow(/the ranking thread stopped/);
    expect((await pool.run('topRows', small)).k).toBe(1);
  });

  it('leaves the event loop free while a thread computes', async () => {
    const index = indexFromVectors(randomUnitVectors(4000, 64, 1), 64);
    await pool.run('topRows', small);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    const start = performance.now();
    await pool.run('topRows', { index, queries: randomUnitVectors(1500, 64, 2), k: 50 });
    const elapsed = performance.now() - start;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(elapsed / 40);
  });
});
