// Paths as a test file writes them, against the steps of a plan: `sft`, `rl.update` (every iteration), `rl[3].update`
// (one), `train` (every cell of its matrix), `train[lr=0.001]` (those with that value). Names are matched as the plan has
// them, so that a name may hold dots and brackets.
import { nearest, suggest } from '../compiler/did-you-mean.js';
import type { LoopNode, MatrixNode, Node, StepNode } from '../schemas/generated/plan.js';
import { axisText } from '../schemas/ids.js';
import type { AxisValue } from '../schemas/ids.js';

export type Nodes = Record<string, Node>;

export interface Target {
  /** From the outermost loop to the step. */
  names: string[];
  /** The iteration behind each name; null = any, or none behind the last. */
  indices: (number | null)[];
  node: Node;
  /** The step; of a fanned-out one its first cell, which declares the same. Null for loops and gates. */
  step: StepNode | null;
  /** Names of the cells that a fanned-out step stands for. */
  cells: string[];
  /** The values of a cell on its axes; null for other steps. */
  matrix: Record<string, AxisValue> | null;
}

/** What a path stands for; null when it stands for nothing. Pure. */
export function findTarget(nodes: Nodes, text: string): Target | null {
  const candidates = Object.entries(nodes)
    .filter(([name]) => text.startsWith(name))
    .sort(([a], [b]) => b.length - a.length);
  for (const [name, node] of candidates) {
    const rest = text.slice(name.length);
    if (rest === '') return leaf(nodes, name, node);
    if (node.node === 'matrix') {
      const cells = cellsAt(node, rest);
      if (cells.length > 0) return { ...leaf(nodes, name, node), cells };
    }
    const inside = node.node === 'loop' ? behindLoop(node, rest) : null;
    if (inside === null) continue;
    const { index, below } = inside;
    return { ...below, names: [name, ...below.names], indices: [index, ...below.indices] };
  }
  return null;
}

function leaf(nodes: Nodes, name: string, node: Node): Target {
  const found = { names: [name], indices: [null], node };
  if (node.node === 'matrix') {
    const cells = node.cells.map((cell) => cell.name);
    const first = nodes[cells[0] ?? ''];
    return { ...found, step: first?.node === 'step' ? first : null, cells, matrix: null };
  }
  if (node.node !== 'step') return { ...found, step: null, cells: [], matrix: null };
  const cell = Object.values(nodes)
    .flatMap((other) => (other.node === 'matrix' ? other.cells : []))
    .find((one) => one.name === name);
  return { ...found, step: node, cells: [], matrix: cell?.matrix ?? null };
}

/** The cells that have the values of `[lr=1e-3,seed=2]`, some axes of which may be left out. */
function cellsAt(node: MatrixNode, rest: string): string[] {
  const inside = /^\[(.*)\]$/s.exec(rest)?.[1];
  const given = [...(inside ?? '').matchAll(/([a-z][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)/g)];
  if (given.length === 0 || given.map(([whole]) => whole).join('') !== inside) return [];
  const values = given.map(([, axis = '', value = '']) => ({ axis, value: canonical(value) }));
  return node.cells
    .filter(({ matrix }) =>
      values.every(({ axis, value }) => isOn(matrix, axis) && axisText(matrix[axis] ?? '') === value),
    )
    .map(({ name }) => name);
}

const isOn = (matrix: object, axis: string): boolean => Object.hasOwn(matrix, axis);

/** `1e-3` as the name of a cell has it: 0.001. */
const canonical = (value: string): string =>
  value.trim() !== '' && !Number.isNaN(Number(value)) ? JSON.stringify(Number(value)) : value.trim();

function behindLoop(loop: LoopNode, rest: string): { index: number | null; below: Target } | null {
  const match = /^(?:\[(0|[1-9][0-9]*)\])?\.(.+)$/s.exec(rest);
  const below = match === null ? null : findTarget(loop.steps, match[2] ?? '');
  return below === null ? null : { index: match?.[1] === undefined ? null : Number(match[1]), below };
}

/** Whether a path of a run is one of those that a pattern stands for; a fanned-out step stands for its cells, too. Pure. */
export function covers(pattern: Target, path: Target): boolean {
  const last = pattern.names.length - 1;
  return (
    pattern.names.length === path.names.length &&
    pattern.names.every(
      (name, depth) =>
        name === path.names[depth] || (depth === last && pattern.cells.includes(path.names[depth] ?? '')),
    ) &&
    pattern.indices.every((index, depth) => index === null || index === path.indices[depth])
  );
}

/** How closely a pattern names a step: iterations that it fixes, and whether it is one cell or some of all. Pure. */
export function specificity({ indices, node, cells, matrix }: Target): number {
  const ofCells = matrix !== null ? 0.5 : node.node === 'matrix' && cells.length < node.cells.length ? 0.25 : 0;
  return indices.filter((index) => index !== null).length + ofCells;
}

/** The path without iterations: what names the step in the file. Pure. */
export const genericPath = ({ names }: Target): string => names.join('.');

/** Every path of the plan without iterations, in its order. Pure. */
export const allPaths = (nodes: Nodes, prefix = ''): string[] =>
  Object.entries(nodes).flatMap(([name, node]) => {
    const path = `${prefix}${name}`;
    return node.node === 'loop' ? [path, ...allPaths(node.steps, `${path}.`)] : [path];
  });

/** Why a path stands for nothing, and the way out. Pure. */
export function pathProblem(nodes: Nodes, text: string): { message: string; hint: string | null } {
  const iteration = /^(.*)\[\d+\]$/.exec(text);
  const loop = iteration === null ? null : findTarget(nodes, iteration[1] ?? '');
  if (loop?.node.node === 'loop') {
    const [inner = ''] = Object.keys(loop.node.steps);
    return { message: `\`${text}\` is an iteration, not a step`, hint: `name a step of it, such as ${text}.${inner}` };
  }
  const fanned = /^(.*?)\[[a-z][^[]*\]$/.exec(text);
  const matrix = fanned === null ? null : findTarget(nodes, fanned[1] ?? '');
  if (matrix?.node.node === 'matrix') {
    const hint = suggest(text, matrix.cells);
    return { message: `\`${fanned?.[1] ?? ''}\` has no such cell`, hint };
  }
  const paths = allPaths(nodes);
  const plain = text.replace(/\[\d+\]/g, '');
  const inside = paths.find((path) => path.endsWith(`.${plain}`));
  const near = nearest(plain, paths);
  const hint = near === null && inside !== undefined ? `did you mean \`${inside}\`?` : suggest(plain, paths);
  return { message: `there is no step \`${text}\``, hint };
}
