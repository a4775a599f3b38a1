// Which values of an expression may be null where it uses them: those that no `== null ||` or `!= null &&` before has
// ruled out.
import type { ASTNode } from '@marcbachmann/cel-js';
import type { ParsedExpression, Reference } from './parse.js';

/**
 * The references that may be null and are used as if they were not, in order. An expression that is one reference uses
 * nothing: its value is passed on. Pure.
 */
export function unguarded(expression: ParsedExpression, mayBeNull: (reference: Reference) => boolean): Reference[] {
  if (expression.plain) return [];
  const nullable = new Map(
    expression.references.filter(mayBeNull).map((reference) => [`${reference.start} ${reference.end}`, reference]),
  );
  if (nullable.size === 0) return [];
  const used: Reference[] = [];
  visit(expression.ast, new Set(), { nullable, used });
  return used;
}

interface Looking {
  nullable: Map<string, Reference>;
  used: Reference[];
}

const referenceAt = (node: ASTNode, { nullable }: Looking): Reference | undefined =>
  nullable.get(`${node.start} ${node.end}`);

function visit(node: ASTNode, safe: ReadonlySet<string>, looking: Looking): void {
  const reference = referenceAt(node, looking);
  if (reference !== undefined) {
    if (!safe.has(reference.text)) looking.used.push(reference);
    return;
  }
  if (comparedWithNull(node, looking) !== null) return;
  if (node.op === '||' || node.op === '&&') {
    const [left, right] = node.args;
    visit(left, safe, looking);
    visit(right, new Set([...safe, ...known(left, node.op === '&&', looking)]), looking);
  } else if (node.op === '?:') {
    const [condition, yes, no] = node.args;
    visit(condition, safe, looking);
    visit(yes, new Set([...safe, ...known(condition, true, looking)]), looking);
    visit(no, new Set([...safe, ...known(condition, false, looking)]), looking);
  } else {
    for (const child of nodesIn(node.args)) visit(child, safe, looking);
  }
}

/** What is not null when the condition has come out so. */
function known(node: ASTNode, outcome: boolean, looking: Looking): string[] {
  const compared = comparedWithNull(node, looking);
  if (compared !== null) return (node.op === '!=') === outcome ? [compared.text] : [];
  if (node.op === '!_') return known(node.args, !outcome, looking);
  // Of `a && b` both hold when it holds; of `a || b` neither does when it does not.
  if (node.op === (outcome ? '&&' : '||')) return nodesIn(node.args).flatMap((side) => known(side, outcome, looking));
  return [];
}

/** The reference of `x == null` or `x != null`, either way round. */
function comparedWithNull(node: ASTNode, looking: Looking): Reference | null {
  if (node.op !== '==' && node.op !== '!=') return null;
  const [left, right] = node.args;
  const isNull = ({ op, args }: ASTNode): boolean => op === 'value' && args === null;
  if (isNull(right)) return referenceAt(left, looking) ?? null;
  return isNull(left) ? (referenceAt(right, looking) ?? null) : null;
}

/** The nodes among the arguments of a node, in order; names and literals are none. */
function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn);
  return isNode(args) ? [args] : [];
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
