// What the nodes of a level read: the references of all their expressions.
import { outerReferences } from '../expressions/outer-references.js';
import { parseExpression } from '../expressions/parse.js';
import { referencePath } from '../schemas/ids.js';
import type { LoopNode, Node, Value } from '../schemas/generated/plan.js';

/** A reference as its path, e.g. ['steps', 'sft', 'outputs', 'model']. */
export type Path = string[];

/** References of a value of the plan, in order of appearance. Pure. */
export function referencesOf(value: Value | null): Path[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesOf(item));
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '$file')) return [];
  if ('$expr' in value && typeof value.$expr === 'string') {
    return parseExpression(value.$expr).references.map(({ path }) => path);
  }
  return Object.values(value).flatMap((item) => referencesOf(item as Value));
}

/** What a node must have to run: its references to other steps of the level or around it. Pure. */
export function referencesOfNode(node: Node): Path[] {
  switch (node.node) {
    case 'step':
      return referencesOf(node.with);
    case 'matrix':
      return [];
    case 'gate':
      return node.assert.flatMap((one) => referencesOf(one.expression));
    case 'loop':
      return [
        ...referencesOf(node.max),
        ...Object.values(node.carry).flatMap(({ init }) => referencesOf(init)),
        ...loopReads(node).map((text) => referencePath(text.split('.'))),
      ];
  }
}

/** What a loop's iterations and its `until` read of the steps around it, as dotted paths, each once. Pure. */
export function loopReads(node: LoopNode): string[] {
  const until = referencesOf(node.until)
    .filter(([root, name = '']) => root === 'steps' && !Object.hasOwn(node.steps, name))
    .map((path) => path.join('.'));
  const body = outerReferences(node).filter((text) => text.startsWith('steps.'));
  return [...new Set([...body, ...until])];
}
