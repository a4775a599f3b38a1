// How long the compiler takes for large pipelines: generated files with an expression in almost every place.
import { compile } from '../compiler/compile.js';
import { median } from './commands.js';

export interface CompileCost {
  steps: number;
  /** Of the file, in characters. */
  length: number;
  /** Median milliseconds, in a process that has compiled before. */
  medianMs: number;
}

/** Compiles generated pipelines of each size, in turns. Fails when one does not compile. */
export function measureCompile(sizes: readonly number[] = [500, 2000], times = 11): CompileCost[] {
  const texts = sizes.map((steps) => ({ steps, text: largePipeline(steps), ms: [] as number[] }));
  for (const { text } of texts) timeOf(text);
  for (let turn = 0; turn < times; turn += 1) for (const one of texts) one.ms.push(timeOf(one.text));
  return texts.map(({ steps, text, ms }) => ({ steps, length: text.length, medianMs: median(ms) }));
}

function timeOf(text: string): number {
  const startedAt = performance.now();
  const { plan, diagnostics } = compile({ path: 'large.yaml', text, set: {}, files: () => null });
  const ms = performance.now() - startedAt;
  if (plan === null) throw new Error(`the generated pipeline is wrong: ${diagnostics[0]?.message}`);
  return ms;
}

/** A pipeline of so many steps: each reads params, metrics and outputs of steps before it; every tenth is a loop around another. Pure. */
export function largePipeline(steps: number): string {
  const lines = [
    ...['pawl: 1', 'name: large', 'params:'],
    ...['  lr: { type: number, default: 0.001 }', '  n: { type: integer, default: 3 }'],
    ...['steps:', '  s0: { uses: test.sleep, with: { steps: "${{ params.n }}", value: "${{ params.lr }}" } }'],
  ];
  for (let index = 1; index < steps; index += 1) lines.push(...linesOf(index));
  lines.push(`outputs: { last: "\${{ steps.s${before(steps)}.outputs.folder }}" }`, 'metrics:');
  for (const index of [4, 5, 7, 8, 11, 12])
    lines.push(`  m${index}: \${{ steps.s${index}.metrics.value * params.lr }}`);
  return `${lines.join('\n')}\n`;
}

function linesOf(index: number): string[] {
  if (index === 1) return ['  corpus: { uses: data.code-search }'];
  if (index === 2)
    return ['  base: { uses: model.init, with: { data: "${{ steps.corpus.outputs.dataset }}", preset: tiny } }'];
  switch (index % 10) {
    case 0:
      return loopLines(index);
    case 3:
      return trainLines(index);
    case 6:
      return evalLines(index);
    case 9:
      // It stands in the loop before.
      return index === 9 ? stepLines(index) : [];
    default:
      return stepLines(index);
  }
}

/** The nearest `test.sleep` before, outside loops. */
function before(index: number): number {
  const nearest = index - 1;
  const isSleep = nearest === 0 || (nearest > 2 && [1, 2, 4, 5, 7, 8].includes(nearest % 10));
  return isSleep ? nearest : before(nearest);
}

function trainLines(index: number): string[] {
  const model = index === 3 ? 'base' : `s${index - 10}`;
  return [
    `  s${index}:`,
    '    uses: train.sft',
    `    with: { model: "\${{ steps.${model}.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}", steps: "\${{ params.n + ${index} }}", lr: "\${{ params.lr * 2.0 }}" }`,
    '    checkpoint: { every: 50 steps, keep: { last: 2 } }',
    '    retry: { attempts: 4, backoff: 30s, for: [preempted, worker_lost] }',
  ];
}

function evalLines(index: number): string[] {
  return [
    `  s${index}:`,
    '    uses: eval.retrieval',
    `    if: \${{ params.n > 1 && steps.s${index - 3}.metrics.loss < ${index}.5 }}`,
    `    with: { model: "\${{ steps.s${index - 3}.outputs.model }}", data: "\${{ steps.corpus.outputs.dataset }}", split: dev }`,
  ];
}

function stepLines(index: number): string[] {
  const previous = before(index);
  return [
    `  s${index}:`,
    '    uses: test.sleep',
    '    with:',
    `      steps: \${{ params.n + ${index} }}`,
    `      value: \${{ steps.s${previous}.metrics.value * params.lr + steps.s${before((index >> 1) + 1)}.metrics.value }}`,
    `      step_ms: \${{ params.n * 10 + ${index % 5} }}`,
    `      previous: \${{ steps.s${previous}.outputs.folder }}`,
    `    timeout: ${1 + (index % 9)}m`,
  ];
}

function loopLines(index: number): string[] {
  const previous = before(index);
  const inner = `s${index + 9}`;
  return [
    `  s${index}:`,
    '    loop:',
    '      max: ${{ params.n * 2 }}',
    `      until: \${{ steps.${inner}.metrics.value > ${index}.0 }}`,
    '      carry:',
    `        last: { type: folder, init: "\${{ steps.s${previous}.outputs.folder }}", next: "\${{ steps.${inner}.outputs.folder }}" }`,
    '      steps:',
    `        ${inner}:`,
    '          uses: test.sleep',
    '          if: ${{ params.n > 1 && iter.index % 3 != 2 }}',
    '          else: { folder: "${{ carry.last }}" }',
    '          with: { steps: "${{ iter.index + 1 }}", previous: "${{ carry.last }}", value: "${{ double(iter.index) * params.lr }}" }',
  ];
}
