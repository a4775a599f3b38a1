// What steps need, and which task queue of temporal.config.ts serves it. Pure.
import type { TrainerQueue } from '../schemas/config.js';
import type { Node, Plan, StepNode } from '../schemas/generated/plan.js';
import type { Needs, QueueUse } from '../schemas/generated/plan-report.js';
import { trainerFor } from '../schemas/trainer-offers.js';
import { kindOf } from './kind-of.js';

export interface Offers {
  /** Serves what runs on a worker. */
  workflowQueue: string;
  trainers: readonly TrainerQueue[];
}

/** What a step asks for. Pure. */
export const needsOf = (plan: Plan, node: StepNode): Needs => ({
  runs: kindOf(plan, node).runs,
  gpus: node.resources.gpus,
  labels: node.resources.labels,
});

/** The queue that serves a step, as the interpreter picks it; null when none does. Pure. */
export function queueOf(plan: Plan, node: StepNode, { workflowQueue, trainers }: Offers): string | null {
  if (needsOf(plan, node).runs === 'worker') return workflowQueue;
  return trainerFor(node.resources, trainers)?.queue ?? null;
}

/** The queues with the steps that they serve, in the order in which the plan first needs them; what no queue serves last. Pure. */
export function queueUses(plan: Plan, offers: Offers): QueueUse[] {
  const uses = new Map<string, QueueUse>();
  for (const { path, node } of stepsIn(plan.steps, '')) {
    const [needs, queue] = [needsOf(plan, node), queueOf(plan, node, offers)];
    const name = JSON.stringify([queue, needs]);
    const use = uses.get(name) ?? { queue, needs, steps: [] };
    use.steps.push(path);
    uses.set(name, use);
  }
  const all = [...uses.values()];
  return [...all.filter(({ queue }) => queue !== null), ...all.filter(({ queue }) => queue === null)];
}

function stepsIn(nodes: Record<string, Node>, prefix: string): { path: string; node: StepNode }[] {
  return Object.entries(nodes).flatMap(([name, node]) => {
    const path = `${prefix}${name}`;
    if (node.node === 'step') return [{ path, node }];
    return node.node === 'loop' ? stepsIn(node.steps, `${path}.`) : [];
  });
}
