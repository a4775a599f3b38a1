// Loads onnxruntime-node when it is first needed: it is a large native package that many commands never touch.
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeModel, type Graph } from './onnx-graph.js';
import { RetrievalError } from './retrieval-error.js';
import type { RowArray } from './row-files.js';

type Runtime = typeof import('onnxruntime-node');

/** What runs a graph: tensors in by name, tensors out by name. */
export interface LoadedGraph {
  run(inputs: Record<string, Tensor>): Promise<InferenceSession.OnnxValueMapType>;
  /** A tensor over the array, not copied; the array must not lie in shared memory. */
  floats(values: Float32Array, dims: readonly number[]): Tensor;
  /** The same of document vectors: float32, or float16 as bits. */
  rows(values: RowArray, dims: readonly number[]): Tensor;
  integers(values: BigInt64Array, dims: readonly number[]): Tensor;
}

/**
 * A session for the graph on the CPU. Fails with class `config` when onnxruntime-node is not installed or does not load.
 * `load` is there for tests of that failure.
 */
export async function loadGraph(graph: Graph, load: () => Promise<Runtime> = importRuntime): Promise<LoadedGraph> {
  const runtime = await load().catch((error: unknown) => {
    throw new RetrievalError('config', missingMessage(error));
  });
  const session = await runtime.InferenceSession.create(encodeModel(graph), { executionProviders: ['cpu'] });
  return {
    run: (inputs) => session.run(inputs),
    floats: (values, dims) => new runtime.Tensor('float32', values, dims),
    rows: (values, dims) =>
      values instanceof Float32Array
        ? new runtime.Tensor('float32', values, dims)
        : new runtime.Tensor('float16', values, dims),
    integers: (values, dims) => new runtime.Tensor('int64', values, dims),
  };
}

const importRuntime = async (): Promise<Runtime> => {
  const loaded = (await import('onnxruntime-node')) as Runtime & { default?: Runtime };
  return loaded.default ?? loaded;
};

function missingMessage(error: unknown): string {
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return (
    `the package onnxruntime-node, which ranks documents, cannot be loaded on ${process.platform}-${process.arch}: ${reason}. ` +
    'Install it with `ONNXRUNTIME_NODE_INSTALL=skip npm ci` in the folder of Pawl (skip: without the CUDA download), then start the worker again.'
  );
}
