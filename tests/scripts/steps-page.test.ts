import { expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { exampleOf, stepsPage } from '../../scripts/generate/steps-page.mjs';

const kinds = Object.values(stepKinds);

it('shows of each kind every input, output and metric, and an example', () => {
  const sections = stepsPage(kinds).split('\n## ').slice(1);
  expect(sections.map((section) => section.split('\n')[0])).toEqual(kinds.map(({ kind }) => kind));
  for (const [index, { kind, inputs, outputs, metrics }] of kinds.entries()) {
    const named = [...Object.keys(inputs), ...Object.keys(outputs), ...Object.keys(metrics)];
    for (const name of named) expect(sections[index]).toContain(`| \`${name}\` |`);
    expect(sections[index]).toContain(`  uses: ${kind}\n`);
  }
});

it('has examples that are the steps of one pipeline, which compiles', () => {
  const steps = kinds.flatMap((kind) => exampleOf(kind, kinds)).map((line) => `  ${line}`);
  const text = ['pawl: 1', 'name: examples', 'steps:', ...steps, ''].join('\n');
  const files = () => ({ digest: `sha256:${'0'.repeat(64)}`, bytes: 1, folder: true, outside: false });
  const { diagnostics } = compile({ path: 'steps.md', text, set: {}, files });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
});
