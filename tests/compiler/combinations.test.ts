// What step kinds refuse, said with the place in the file; by the table that the worker and the trainer are tried with, too.
import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import type { Diagnostic } from '../../compiler/diagnostics.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import cases from '../fixtures/refusals.json' with { type: 'json' };

const kinds = Object.values(stepKinds);
const makers: Record<string, string> = {
  dataset: 'data.outputs.dataset',
  model: 'model.outputs.model',
  index: 'index.outputs.index',
  rollouts: 'rollout.outputs.rollouts',
  report: 'eval.outputs.report',
  folder: 'record.outputs.trajectory',
};

/** The value as flow YAML, an expression for `@type`. */
function written(value: unknown): string {
  if (value === '@path') return './folder';
  if (typeof value === 'string' && value.startsWith('@')) return `"\${{ steps.${makers[value.slice(1)] ?? ''} }}"`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  return `{ ${Object.entries(value).map(([name, item]) => `${name}: ${written(item)}`).join(', ')} }`; // prettier-ignore
}

const files = () => ({ digest: `sha256:${'0'.repeat(64)}`, bytes: 1, folder: true, outside: false });
/** A maker of each type of artifact. */
const base = `
  data: { uses: data.code-search }
  model: { uses: model.init, with: { data: "\${{ steps.data.outputs.dataset }}" } }
  index: { uses: index.build, with: { data: "\${{ steps.data.outputs.dataset }}", model: "\${{ steps.model.outputs.model }}" } }
  rollout: { uses: rl.rollout, with: { data: "\${{ steps.data.outputs.dataset }}", policy: "\${{ steps.model.outputs.model }}" } }
  record: { uses: index.record, with: { data: "\${{ steps.data.outputs.dataset }}", model: "\${{ steps.model.outputs.model }}", rollouts: "\${{ steps.rollout.outputs.rollouts }}" } }
  eval: { uses: eval.retrieval, with: { data: "\${{ steps.data.outputs.dataset }}", model: "\${{ steps.model.outputs.model }}" } }`;

/** What is said about a step of the kind, in a file with a maker of each artifact; `head` and `own` are more lines of the file and of the step. */
function said(
  kind: string,
  given: Record<string, unknown>,
  { head = [], own = [] }: { head?: string[]; own?: string[] } = {},
): { found: Diagnostic[]; text: string } {
  const needed = Object.entries(stepKinds[kind]?.inputs ?? {}).flatMap(([name, input]) =>
    'artifact' in input && input.required ? [[name, `@${input.artifact}`] as const] : [],
  );
  const inputs = Object.entries({ ...Object.fromEntries(needed), ...given }).filter(([, value]) => value !== null);
  const lines = inputs.map(([name, value]) => `      ${name}: ${written(value)}`);
  const step = ['  tried:', `    uses: ${kind}`, ...own, ...(lines.length === 0 ? [] : ['    with:', ...lines])];
  const text = ['pawl: 1', 'name: tried', ...head, `steps:${base}`, ...step, ''].join('\n');
  const { diagnostics } = compile({ path: 'a.yaml', text, set: {}, files });
  return { found: diagnostics.filter(({ severity }) => severity === 'error'), text };
}

describe('the compiler', () => {
  it.each(cases)('says of $kind: $says', ({ kind, wrong, right, says }) => {
    const { found, text } = said(kind, wrong);
    const line = text.split('\n').findIndex((one) => one === '  tried:') + 1;
    expect(found.map(({ code }) => code)).toEqual(['bad-combination']);
    expect(`${found[0]?.message}; ${found[0]?.hint}`).toContain(says);
    expect(found[0]?.at.line).toBeGreaterThanOrEqual(line);
    expect(said(kind, { ...wrong, ...right }).found).toEqual([]);
  });

  it('has a case for everything that a kind refuses', () => {
    const refused = kinds.flatMap(({ kind, refuses = [] }) => refuses.map(({ says }) => `${kind}: ${says}`));
    const patterns = refused.map((text) => [text, pattern(text)] as const);
    const all = cases.map(
      ({ kind, wrong }) =>
        `${kind}: ${said(kind, wrong)
          .found.map(({ message }) => message)
          .join()}`,
    );
    expect(patterns.flatMap(([text, one]) => (all.some((found) => one.test(found)) ? [] : [text]))).toEqual([]);
  });

  it('looks at params and at each cell of a matrix', () => {
    const head = (value: number): string[] => ['params:', `  every: { type: integer, default: ${value} }`];
    const sft = { patience: 2, eval_every: '${{ params.every }}' };
    expect(said('train.sft', sft, { head: head(0) }).found).toHaveLength(1);
    expect(said('train.sft', sft, { head: head(5) }).found).toEqual([]);
    const own = ['    matrix: { high: [3, 30, 2] }'];
    const cells = said('data.mine-negatives', { model: '@model', range_max: '${{ matrix.high }}' }, { own });
    expect(cells.found.map(({ message }) => message)).toEqual([
      '`number` is 4, and there are only 2 ranks from 1 to 2',
      '`number` is 4, and there are only 3 ranks from 1 to 3',
    ]);
  });

  it('leaves alone what is not known before the run, and steps that never run', () => {
    const figure = '${{ int(steps.data.metrics.corpus) }}';
    expect(said('data.mine-negatives', { model: '@model', range_max: figure }).found).toEqual([]);
    const head = ['params:', '  teach: { type: boolean, default: false }'];
    const own = ['    if: "${{ params.teach }}"'];
    expect(said('train.sft', { patience: 2 }, { head, own }).found).toEqual([]);
    expect(said('train.sft', { patience: 2 }, { own: ['    if: "${{ 1 < 2 }}"'] }).found).toHaveLength(1);
  });
});

/** What a text with values in place of its expressions looks like. */
const pattern = (text: string): RegExp =>
  new RegExp(
    text
      .split(/\$\{\{.+?\}\}/)
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.+'),
  );

describe('inputs that are maps', () => {
  const withSchedules = (sft: string): string => `pawl: 1
name: maps
steps:
  corpus: { uses: data.code-search }
  base: { uses: model.init, with: { data: "\${{ steps.corpus.outputs.dataset }}" } }
  sft:
    uses: train.sft
    with:
      model: "\${{ steps.base.outputs.model }}"
      data: "\${{ steps.corpus.outputs.dataset }}"
      schedules: ${sft}
outputs: { model: "\${{ steps.sft.outputs.model }}" }
`;
  it.each([
    ['{ ce_wieght: { from: 1 } }', '11:20: input `schedules` of `sft` has no `ce_wieght` [unknown-key]', 'ce_weight'],
    ['{ ce_weight: { form: 1 } }', '11:33: `ce_weight` in input `schedules` of `sft` has no `form` [unknown-key]', 'from'],
    ['{ ce_weight: { from: -1 } }', '11:39: `from` in `ce_weight` in input `schedules` of `sft` is -1; it must be at least 0 [out-of-range]', ''],
    ['{ ce_weight: { end: 1.5 } }', '11:38: `end` in `ce_weight` in input `schedules` of `sft` is 1.5; it must be between 0 and 1', ''],
    ['{ ce_weight: { shape: linaer } }', '11:40: `shape` in `ce_weight` in input `schedules` of `sft` cannot be "linaer" [bad-value]', 'linear'],
    ['{ ce_weight: 3 }', '11:31: `ce_weight` in input `schedules` of `sft` takes a map, not 3 [wrong-type]', ''],
  ])('are checked below: %s', (schedules, message, meant) => {
    const { diagnostics, texts } = compile({ path: 'a.yaml', text: withSchedules(schedules), set: {}, files });
    const shown = formatDiagnostics(diagnostics, texts);
    expect(shown).toContain(`a.yaml:${message}`);
    if (meant !== '') expect(shown).toContain(`did you mean \`${meant}\`?`);
  });
}); // prettier-ignore
