// The iterations of a loop that are not committed yet: those whose steps are all cached pass at once, the first other one is
// what runs next.
import type { LoopNode } from '../schemas/generated/plan.js';
import { evaluateKnown, knownInside } from './known-values.js';
import type { Known, KnownStep } from './known-values.js';
import type { PlannedStep } from './planned-step.js';

/** Beyond so many iterations that are cached step by step, planning looks no further. */
const maxAhead = 100;

/** Where looking ahead ends: at an iteration with something to run, or, with `end`, at the end of the loop. */
export interface Ahead {
  index: number;
  inner: PlannedStep[];
  /** What the loop is read by, when nothing of it is left to run; its outputs only where the last iteration gives them. */
  end: KnownStep | null;
}

/** Plans iterations from `next` on, each by `planOne`, until one has something to run; not too many unless all are asked for. */
export async function planIterations(
  node: LoopNode,
  around: Known,
  { next, max, carry: first, isAll }: { next: number; max: number; carry: Record<string, unknown>; isAll: boolean },
  planOne: (index: number, known: Known) => Promise<PlannedStep[]>,
): Promise<Ahead> {
  let carry = first;
  for (let index = next; ; index++) {
    if (index >= max) return { index, inner: [], end: index === next ? null : endOf(node, carry, {}) };
    const known = knownInside(around, index, carry);
    const inner = await planOne(index, known);
    const after = inner.every(isOver) ? carriesAfter(node, known) : null;
    if (after === null || (index - next >= maxAhead && !isAll)) return { index, inner, end: null };
    const isLast = index + 1 >= max || untilHolds(node, { ...known, iteration: { index, carry: after } });
    if (isLast) return { index, inner, end: endOf(node, after, metricsIn(node, known)) };
    carry = after;
  }
}

/** Gates run each time and take none. */
const isOver = ({ state, node }: PlannedStep): boolean =>
  state === 'CACHED' || state === 'SKIPPED' || (node.node === 'gate' && state === 'RUN' && node.approve === null);

function carriesAfter(node: LoopNode, known: Known): Record<string, unknown> | null {
  const carries: Record<string, unknown> = {};
  for (const [name, { next }] of Object.entries(node.carry)) {
    const evaluated = evaluateKnown(next, known);
    if (evaluated.state !== 'known') return null;
    carries[name] = evaluated.value;
  }
  return carries;
}

function untilHolds({ until }: LoopNode, known: Known): boolean {
  if (until === null) return false;
  const evaluated = evaluateKnown(until, known);
  return evaluated.state === 'known' && evaluated.value === true;
}

const metricsIn = (node: LoopNode, known: Known): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(node.steps).flatMap((name) => {
      const metrics = known.steps.get(name)?.metrics ?? null;
      return metrics === null || known.skipped.has(name) ? [] : [[name, metrics] as const];
    }),
  );

/** With `keep.best` another iteration may be the one that counts. */
const endOf = (node: LoopNode, carry: Record<string, unknown>, metrics: Record<string, unknown>): KnownStep => ({
  outputs: node.keep.best === null ? carry : {},
  metrics,
});
