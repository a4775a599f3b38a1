// Source -> parsed expression with the references it makes. Refuses what is unsafe or slow: functions off the list,
// regular expressions among them, and comprehensions inside comprehensions of comprehensions.
import type { ASTNode } from '@marcbachmann/cel-js';
import { dynamicEnvironment, fromEngineError } from './engine.js';
import { referencePath } from '../schemas/ids.js';
import { ExpressionError } from './expression-error.js';

/** What an expression reads: a root and the names below it, e.g. steps, sft, outputs, model. A node of the plan is one name: x.sft. */
export interface Reference {
  path: string[];
  /** As it is written, with dots. */
  text: string;
  start: number;
  end: number;
}

export interface ParsedExpression {
  source: string;
  references: Reference[];
  /** Whether the expression is one reference and nothing else: then its value passes through unchanged. */
  plain: boolean;
  /** Whether it divides or takes an element of a list, where whole and real numbers differ. */
  dividesOrIndexes: boolean;
  ast: ASTNode;
  run(context: Record<string, unknown>): unknown;
}

const comprehensions = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
const functions = new Set(['size', 'int', 'double', 'string', 'bool']);
const methods = new Set(['size', 'startsWith', 'endsWith', 'contains', ...comprehensions]);
const maxNestedComprehensions = 2;

/** Parses one CEL expression (without the `${{ }}`). Pure. Throws ExpressionError with the offsets of the fault. */
export function parseExpression(source: string): ParsedExpression {
  let program;
  try {
    program = dynamicEnvironment.parse(source);
  } catch (error) {
    throw fromEngineError(error, source);
  }
  const found: Found = { source, references: [], dividesOrIndexes: false };
  walk(program.ast, new Set(), 0, found);
  return {
    source,
    references: found.references,
    plain: chainOf(program.ast) !== null && found.references.length === 1,
    dividesOrIndexes: found.dividesOrIndexes,
    ast: program.ast,
    run: (context) => program(context) as unknown,
  };
}

interface Found {
  source: string;
  references: Reference[];
  dividesOrIndexes: boolean;
}

/** Names of a chain of selections from an identifier (`a.b["c"]`), or null when the node is none. */
function chainOf(node: ASTNode): string[] | null {
  if (node.op === 'id') return [node.args];
  if (node.op === '.') {
    const below = chainOf(node.args[0]);
    return below === null ? null : [...below, node.args[1]];
  }
  if (node.op === '[]') {
    const [object, index] = node.args;
    const below = chainOf(object);
    if (below === null || index.op !== 'value' || typeof index.args !== 'string') return null;
    return [...below, index.args];
  }
  return null;
}

function walk(node: ASTNode, bound: ReadonlySet<string>, depth: number, found: Found): void {
  const chain = chainOf(node);
  if (chain !== null) {
    if (bound.has(chain[0] ?? '')) return;
    found.references.push({ path: referencePath(chain), text: chain.join('.'), start: node.start, end: node.end });
    return;
  }
  if (node.op === '/' || node.op === '[]') found.dividesOrIndexes = true;
  if (node.op === 'call') {
    const [name, args] = node.args;
    allow(name, functions, node, found.source);
    for (const arg of args) walk(arg, bound, depth, found);
  } else if (node.op === 'rcall') {
    walkMethod(node.args, node, bound, depth, found);
  } else {
    for (const child of childrenOf(node)) walk(child, bound, depth, found);
  }
}

function walkMethod(
  [name, receiver, args]: [string, ASTNode, ASTNode[]],
  node: ASTNode,
  bound: ReadonlySet<string>,
  depth: number,
  found: Found,
): void {
  allow(name, methods, node, found.source);
  walk(receiver, bound, depth, found);
  const variable = args[0];
  if (!comprehensions.has(name) || variable?.op !== 'id') {
    for (const arg of args) walk(arg, bound, depth, found);
    return;
  }
  if (depth >= maxNestedComprehensions) {
    throw new ExpressionError(
      `\`${name}\` is nested more than ${maxNestedComprehensions} deep`,
      found.source,
      node.range,
    );
  }
  const inside = new Set([...bound, variable.args]);
  for (const arg of args.slice(1)) walk(arg, inside, depth + 1, found);
}

function childrenOf(node: ASTNode): ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'list':
      return node.args;
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    default:
      return [...node.args];
  }
}

function allow(name: string, allowed: ReadonlySet<string>, node: ASTNode, source: string): void {
  if (allowed.has(name)) return;
  const why =
    name === 'matches'
      ? '`matches` is refused: a regular expression can take for ever. Use startsWith, endsWith or contains'
      : `there is no function \`${name}\`; there are ${[...new Set([...functions, ...methods])].sort().join(', ')}`;
  throw new ExpressionError(why, source, node.range);
}
