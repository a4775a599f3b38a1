// One session a graph and thread, by the graph's name.
import type { Graph } from './onnx-graph.js';
import { loadGraph, type LoadedGraph } from './onnx-runtime.js';

const sessions = new Map<string, Promise<LoadedGraph>>();

/** The session of a graph; graphs of one name are the same. A failure to load is not kept. */
export function sessionFor(graph: Graph): Promise<LoadedGraph> {
  const known = sessions.get(graph.name);
  if (known !== undefined) return known;
  const loading = loadGraph(graph);
  sessions.set(graph.name, loading);
  loading.catch(() => sessions.delete(graph.name));
  return loading;
}
