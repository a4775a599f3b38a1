// What a node reads of other steps, as the interpreter asks for it before the node starts. Pure.
import { outerReferences } from '../expressions/outer-references.js';
import { parseExpression } from '../expressions/parse.js';
import { referencesOfValue } from '../expressions/value-references.js';
import type { Reference } from '../expressions/parse.js';
import type { LoopNode, Node } from '../schemas/generated/plan.js';
import { skippedAmong } from './known-values.js';
import type { Known } from './known-values.js';

/** The first skipped step that the node reads and that supplies no such value; null when there is none. Pure. */
export const skippedReferences = (node: Node, known: Known): { step: string; reason: string } | null =>
  skippedAmong(referencesOfNode(node), known);

function referencesOfNode(node: Node): Reference[] {
  switch (node.node) {
    case 'step':
      return referencesOfValue(node.with);
    case 'matrix':
      return [];
    case 'gate':
      return node.assert.flatMap(({ expression }) => referencesOfValue(expression));
    case 'loop':
      return [
        ...referencesOfValue(node.max),
        ...Object.values(node.carry).flatMap(({ init }) => referencesOfValue(init)),
        ...outerReferences(node).flatMap((text) => parseExpression(text).references),
        ...outerReferencesOfUntil(node),
      ];
  }
}

/** What `until` reads of the steps around the loop. Pure. */
export const outerReferencesOfUntil = (node: LoopNode): Reference[] =>
  referencesOfValue(node.until).filter(
    ({ path: [root, name = ''] }) => root === 'steps' && !Object.hasOwn(node.steps, name),
  );
