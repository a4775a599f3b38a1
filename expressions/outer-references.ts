// Which values from outside a loop its body reads: part of the loop's key. Pure, loads in Temporal's sandbox.
import type { LoopNode, Node } from '../schemas/generated/plan.js';
import { referencesOfValue } from './value-references.js';

/**
 * References to values that exist before the loop starts (`params.lr`, `steps.corpus.outputs.dataset`, the carry of an
 * enclosing loop is not visible), sorted and without repetition. Evaluate each with evaluateExpression.
 * `max`, `until` and the carries' inits are left out, as they are not part of what an iteration computes.
 */
export function outerReferences(loop: LoopNode): string[] {
  const found = new Set<string>();
  collectBody(loop, new Set(), found);
  return [...found].sort();
}

function collectBody(loop: LoopNode, enclosing: ReadonlySet<string>, found: Set<string>): void {
  const inner = new Set([...enclosing, ...Object.keys(loop.steps)]);
  for (const node of Object.values(loop.steps)) collectNode(node, inner, found);
  for (const carry of Object.values(loop.carry)) collectValue(carry.next, inner, found);
}

function collectNode(node: Node, inner: ReadonlySet<string>, found: Set<string>): void {
  if (node.node === 'matrix') {
    // Its cells are steps of the body.
    collectValue(node.else, inner, found);
    return;
  }
  collectValue(node.if, inner, found);
  if (node.node === 'step') {
    collectValue(node.with, inner, found);
    collectValue(node.else, inner, found);
  } else if (node.node === 'gate') {
    for (const assertion of node.assert) collectValue(assertion.expression, inner, found);
  } else {
    collectValue(node.else, inner, found);
    collectValue(node.max, inner, found);
    collectValue(node.until, new Set([...inner, ...Object.keys(node.steps)]), found);
    for (const carry of Object.values(node.carry)) collectValue(carry.init, inner, found);
    collectBody(node, inner, found);
  }
}

function collectValue(value: unknown, inner: ReadonlySet<string>, found: Set<string>): void {
  for (const { path, text } of referencesOfValue(value)) {
    const [root, name] = path;
    if (root === 'params' || (root === 'steps' && name !== undefined && !inner.has(name))) found.add(text);
  }
}
