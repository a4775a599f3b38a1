// What the key of a loop is made of. Without Node modules: the interpreter computes it in Temporal's sandbox, the
// store turns it into a key.
import type { LoopNode, Node, PlanKind } from './generated/plan.js';

export interface LoopIdentity {
  body: unknown;
  carry: unknown;
  outer: unknown;
  seed: unknown;
  /** The first iteration, where it is not 0. */
  begin?: number;
}

/** The iteration that a loop begins with. Pure. */
export const firstIteration = ({ fork }: LoopNode): number => (fork === undefined ? 0 : fork.iteration + 1);

/**
 * Everything that decides what an iteration computes: the body, the carries with their first values, the values from
 * outside that the body reads, the run seed with the indices of the enclosing loops. Neither `max`, `until`, `commit`
 * nor `keep`, nor how steps are retried, placed or checkpointed. Pure.
 */
export function loopIdentity(loop: {
  node: LoopNode;
  kinds: Record<string, PlanKind>;
  /** Value of each carry at the first iteration; null where it has none. */
  inits: Record<string, unknown>;
  /** Value by reference, e.g. steps.corpus.outputs.dataset, params.lr: outerReferences(node) of expressions/. */
  outer: Record<string, unknown>;
  runSeed: number;
  indices: readonly number[];
}): LoopIdentity {
  const { node } = loop;
  const carries = Object.entries(node.carry).map(
    ([name, carry]) => [name, { type: carry.type, init: loop.inits[name] ?? null, next: carry.next }] as const,
  );
  return {
    body: bodyIdentity(node.steps, loop.kinds),
    carry: Object.fromEntries(carries),
    outer: loop.outer,
    seed: [loop.runSeed, ...loop.indices],
    ...(node.fork === undefined ? {} : { begin: firstIteration(node) }),
  };
}

function bodyIdentity(steps: Record<string, Node>, kinds: Record<string, PlanKind>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(steps).map(([name, node]) => [name, nodeIdentity(node, kinds)]));
}

function nodeIdentity(node: Node, kinds: Record<string, PlanKind>): unknown {
  switch (node.node) {
    case 'step':
      // The kind's version, because a changed implementation computes something else.
      return {
        uses: node.uses,
        version: (node.declaration ?? kinds[node.uses])?.version ?? null,
        ...(node.declaration === undefined ? {} : { seeded: node.declaration.seeded }),
        with: node.with,
        if: node.if,
        else: node.else,
        ...(node.again === undefined ? {} : { again: node.again }),
      };
    case 'loop': {
      // An inner loop runs whole in each iteration, so its bounds decide what comes out.
      const { max, until, carry, steps } = node;
      return {
        max,
        until,
        carry,
        if: node.if,
        else: node.else,
        best: node.keep.best,
        steps: bodyIdentity(steps, kinds),
      };
    }
    case 'matrix':
      return { cells: node.cells, best: node.best, else: node.else };
    case 'gate':
      return { if: node.if, assert: node.assert.map((assertion) => assertion.expression) };
  }
}
