// A step that runs as several side by side: what each shard is given. Pure, without Node modules: the interpreter splits in
// Temporal's sandbox, planning from the store.
import type { Node, PlanKind } from './generated/plan.js';

/**
 * The inputs of one shard: those of the step that the kind of the shards takes, and which of how many it is, from 1. Pure.
 */
export function shardInputs<Value>(
  kind: PlanKind,
  inputs: Readonly<Record<string, Value>>,
  { shard, shards }: { shard: number; shards: number },
): Record<string, Value | number> {
  const shared = Object.entries(inputs).filter(([name]) => Object.hasOwn(kind.inputs, name));
  return { ...Object.fromEntries(shared), shard, shards };
}

/** Whether a step of these nodes, or of a loop among them, runs as several. Pure. */
export const hasShards = (nodes: Readonly<Record<string, Node>>): boolean =>
  Object.values(nodes).some((node) => (node.node === 'loop' ? hasShards(node.steps) : 'shards' in node));
