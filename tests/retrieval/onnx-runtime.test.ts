// Graphs encoded by hand run in onnxruntime, and its absence is explained.
import { describe, expect, it } from 'vitest';
import { loadGraph } from '../../retrieval/onnx-runtime.js';
import { scoreGraph } from '../../retrieval/search-graphs.js';

describe('loadGraph', () => {
  it('runs a graph that was encoded by hand, with free dimensions', async () => {
    const graph = await loadGraph(scoreGraph);
    const out = await graph.run({
      queries: graph.floats(Float32Array.of(1, 2), [1, 2]),
      rows: graph.floats(Float32Array.of(1, 0, 0, 1, 3, 3), [3, 2]),
    });
    expect([...(out['scores']?.data as Float32Array)]).toEqual([1, 2, 9]);
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
    await expect(loadGraph(scoreGraph, missing)).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringMatching(
        /onnxruntime-node.*cannot be loaded.*Cannot find package 'onnxruntime-node'\. Install it with `ONNXRUNTIME_NODE_INSTALL=skip npm ci`/,
      ) as string,
    });
  });
});
