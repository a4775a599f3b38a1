// One path grammar for steps everywhere: in activity ids, records, the CLI and the UI.
//   path    = *(loop "[" index "].") ( node [ "[" index "]" ] / cell / shard )     the index of the iteration, from 0
//   node    = name *("." name)                          dots lead into inlined files
//   cell    = node "[" axis "=" value *("," axis "=" value) "]"       of a step with a matrix; axes in the order of their names
//   value   = a word, a number, true or false as they are; any other text as a JSON string
//   shard   = node "[" number "/" count "]", or a cell with "," number "/" count behind its axes; from 1
// e.g. `sft`, `rl` (the loop), `rl[12].update` (a step in its iteration 12), `outer[0].inner[3].step`, `x.sft` (the step `sft`
// of the file that `x` inlines), `x.rl[3].update`, `train[lr=0.001,seed=2]` (a cell), `rl[3].train[lr=0.001]`, `index[3/8]` (the
// third of eight shards).

export interface PathSegment {
  /** Name of the node in the plan: `sft`, `x.sft`; that of a cell has its brackets, `train[lr=0.001,seed=2]`. */
  name: string;
  /** Iteration of the loop `name`; null for the step or loop itself. */
  index: number | null;
}

/** The value that a cell of a matrix has on an axis. */
export type AxisValue = string | number | boolean;

const name = '[a-z][a-z0-9_]*';
const word = '[A-Za-z0-9_.:/@~+-]+';
const quoted = '"(?:[^"\\\\]|\\\\.)*"';
const axis = `${name}=(?:${word}|${quoted})`;
const node = `${name}(?:\\.${name})*`;
const shard = '[1-9][0-9]*/[1-9][0-9]*';
const cell = `${node}\\[${axis}(?:,${axis})*\\]`;
const shardOf = `${node}\\[(?:${axis},)*${shard}\\]`;
const shardPattern = new RegExp(`[[,]${shard}\\]$`);
const segmentPattern = new RegExp(`(?:(${shardOf}|${cell})|(${node})(?:\\[(0|[1-9][0-9]*)\\])?)(\\.|$)`, 'y');
const wordPattern = new RegExp(`^${word}$`);

/** What ends the name of a node in a reference to a step. */
const sections = ['outputs', 'metrics', 'cells', 'best'];

/**
 * The names of a reference with that of a node in one piece: `steps.x.sft.outputs.model` is steps, x.sft, outputs, model. Pure.
 */
export function referencePath(names: readonly string[]): string[] {
  const [root, first, ...rest] = names;
  const end = rest.findIndex((name) => sections.includes(name));
  if (root !== 'steps' || first === undefined || end < 1) return [...names];
  return [root, [first, ...rest.slice(0, end)].join('.'), ...rest.slice(end)];
}

/** The path of `name` inside `parent`, which is '' at the top and otherwise ends in an iteration (`rl[12]`). Pure. */
export const childPath = (parent: string, name: string): string => (parent === '' ? name : `${parent}.${name}`);

/** The path of one iteration of the loop at `loopPath`. Pure. */
export const iterationPath = (loopPath: string, index: number): string => `${loopPath}[${index}]`;

/** The name of one cell of a step with a matrix: `train[lr=0.001,seed=2]`. Other values give another name. Pure. */
export function cellName(step: string, matrix: Readonly<Record<string, AxisValue>>): string {
  const axes = Object.keys(matrix).sort();
  return `${step}[${axes.map((one) => `${one}=${axisText(matrix[one] ?? '')}`).join(',')}]`;
}

/** An axis's value as it stands in a name: text that reads as a number or a boolean is in quotes. Pure. */
export function axisText(value: AxisValue): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const readsAsOther = value === 'true' || value === 'false' || !Number.isNaN(Number(value));
  return wordPattern.test(value) && !readsAsOther ? value : JSON.stringify(value);
}

/** The name or path of one shard of a step, from 1: `index[3/8]`. Pure. */
export const shardName = (step: string, { shard, shards }: { shard: number; shards: number }): string =>
  step.endsWith(']') ? `${step.slice(0, -1)},${shard}/${shards}]` : `${step}[${shard}/${shards}]`;

/** The step of a shard, by name or path: `index` of `index[3/8]`, `train[lr=0.1]` of `train[lr=0.1,3/8]`. Pure. */
export const shardedStep = (shard: string): string =>
  shard.replace(shardPattern, (marked) => (marked.startsWith(',') ? ']' : ''));

/** Whether a path is that of a shard. Pure. */
export const isShard = (path: string): boolean => shardPattern.test(path);

/** The segments of a path, or null when the text is none. Pure. */
export function parsePath(text: string): PathSegment[] | null {
  const segments: PathSegment[] = [];
  for (let position = 0; ;) {
    segmentPattern.lastIndex = position;
    const match = segmentPattern.exec(text);
    if (match === null) return null;
    const [, cellText, nameText, index, separator] = match;
    segments.push({ name: cellText ?? nameText ?? '', index: index === undefined ? null : Number(index) });
    position = segmentPattern.lastIndex;
    if (separator === '') return segments;
  }
}

/** The text of a path; parsePath's inverse. Pure. */
export const formatPath = (segments: readonly PathSegment[]): string =>
  segments.map(({ name, index }) => (index === null ? name : `${name}[${index}]`)).join('.');
