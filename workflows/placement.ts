// Which queue a step goes to: requirements of the plan against what the placement offers.
import type { Placement, StepOutcome } from '../activities/calls.js';
import type { Plan, StepNode } from '../schemas/generated/plan.js';
import { resourcesInWords, trainerFor } from '../schemas/trainer-offers.js';
import type { StepSchedule } from './port.js';
import { failure } from './failure.js';

/** How long a step waits for the host that its loop has leased before any other may take it. */
export const leaseWaitMs = 5_000;

/** The host that a loop's trainer steps prefer; set by the first of them. */
export interface Lease {
  /** Its own queue; null = none yet. */
  queue: string | null;
  /** The shared queue it took the first step from: the lease holds for steps that would go there. */
  shared: string | null;
  /** Name of the host that holds the results since the last click, where they are not committed; absent = none yet. */
  host?: string;
}

/** Whether the step needs a trainer's slot. Pure. */
export const runsOnTrainer = (plan: Plan, node: StepNode): boolean =>
  (node.declaration ?? plan.kinds[node.uses])?.runs === 'trainer';

/** How the step is scheduled. Pure; throws class config when no trainer satisfies its resources. */
export function scheduleOf(plan: Plan, node: StepNode, placement: Placement, lease: Lease): StepSchedule {
  const limits = { timeoutMs: node.timeoutMs, deadlineMs: node.deadlineMs, summary: node.summary };
  if (lease.host !== undefined) {
    const shared = runsOnTrainer(plan, node) ? trainerQueue(node, placement) : placement.workflowQueue;
    const queue = hostQueue(shared, lease.host);
    return { queue, scheduleToStartMs: leaseWaitMs, fallbackQueue: shared, ...limits };
  }
  if (!runsOnTrainer(plan, node)) {
    return { queue: placement.workflowQueue, scheduleToStartMs: null, fallbackQueue: null, ...limits };
  }
  const shared = trainerQueue(node, placement);
  if (lease.queue === null || lease.queue === shared || lease.shared !== shared) {
    return { queue: shared, scheduleToStartMs: null, fallbackQueue: null, ...limits };
  }
  return { queue: lease.queue, scheduleToStartMs: leaseWaitMs, fallbackQueue: shared, ...limits };
}

/** The queue of one host beside a shared one. Pure. */
export const hostQueue = (shared: string, host: string): string => `${shared}@${host}`;

/** Notes the host that ran a step, as later steps of the loop prefer it, or find what they need nowhere else. */
export function renewLease(lease: Lease, schedule: StepSchedule, ran: Pick<StepOutcome, 'hostQueue' | 'host'>): void {
  if (ran.host !== undefined) lease.host = ran.host;
  if (ran.hostQueue === null) return;
  lease.queue = ran.hostQueue;
  lease.shared = schedule.fallbackQueue ?? schedule.queue;
}

function trainerQueue(node: StepNode, placement: Placement): string {
  const fit = trainerFor(node.resources, placement.trainers);
  if (fit !== undefined) return fit.queue;
  const offers = placement.trainers.map((offer) => `${offer.queue} (${resourcesInWords(offer)})`).join(', ');
  throw failure(
    'config',
    `no trainer offers ${resourcesInWords(node.resources)}; there ${placement.trainers.length === 1 ? 'is' : 'are'} ${offers || 'none'}. ` +
      'Change `resources` of the step, or add a trainer to temporal.config.ts',
  );
}
