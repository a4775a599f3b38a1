// Graphs encoded by hand run in onnxruntime, and its absence is explained.
import { describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../../retrieval/half.js';
import { loadGraph } from '../../retrieval/onnx-runtime.js';
import { pairGraph } from '../../retrieval/search-graphs.js';

describe('loadGraph', () => {
  it('runs a graph that was encoded by hand, with free dimensions', async () => {
    const graph = await loadGraph(pairGraph('float32'));
    const out = await graph.run({
      queries: graph.floats(Float32Array.of(1, 2), [1, 2]),
      rows: graph.floats(Float32Array.of(1, 0, 0, 1, 3, 3), [3, 2]),
      pairs: graph.integers(BigInt64Array.of(0n, 2n, 0n, 1n), [2, 2]),
    });
    expect([...(out['pair_scores']?.data as Float32Array)]).toEqual([9, 2]);
  });

  it('computes with rows of half precision in float32', async () => {
    const graph = await loadGraph(pairGraph('float16'));
    const rows = Float32Array.of(1 / 3, -(2 ** -20), 65504, 1);
    const out = await graph.run({
      queries: graph.floats(Float32Array.of(1, 1), [1, 2]),
      rows: graph.rows(toHalf(rows), [2, 2]),
      pairs: graph.integers(BigInt64Array.of(0n, 0n, 0n, 1n), [2, 2]),
    });
    const [a = 0, b = 0] = fromHalf(toHalf(rows));
    expect([...(out['pair_scores']?.data as Float32Array)]).toEqual([Math.fround(a + b), 65505]);
  });

  it('runs integer constants and attributes above one byte', async () => {
    const graph = await loadGraph({
      name: 'reshape',
      inputs: [{ name: 'x', type: 'float32', dims: ['n'] }],
      constants: { shape: [2, 150] },
      nodes: [
        { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] },
        { op: 'Transpose', inputs: ['y'], outputs: ['z'] },
      ],
      outputs: [{ name: 'z', type: 'float32', dims: [150, 2] }],
    });
    const out = await graph.run({ x: graph.floats(new Float32Array(300), [300]) });
    expect(out['z']?.dims).toEqual([150, 2]);
  });

  it('says which package is missing and how to install it', async () => {
    const missing = (): Promise<never> => Promise.reject(new Error("Cannot find package 'onnxruntime-node'\nmore"));
    await expect(loadGraph(pairGraph('float32'), missing)).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringMatching(
        /onnxruntime-node.*cannot be loaded.*Cannot find package 'onnxruntime-node'\. Install it with `ONNXRUNTIME_NODE_INSTALL=skip npm ci`/,
      ) as string,
    });
  });
});
