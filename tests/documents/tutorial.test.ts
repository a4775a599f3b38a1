// The tutorial shows the files of pipelines/tutorial/ as they are, and each of them runs: in one process, with the real
// interpreter. (Its test file is run by tests/testing/pipelines.test.ts.)
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFile, textOf } from '../testing/run-file.js';
import { blocksOf, pageText } from './blocks.js';

const folder = join(import.meta.dirname, '..', '..', 'pipelines', 'tutorial');
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/')).filter((name) => /\.(yaml|py)$/.test(name)).sort(); // prettier-ignore
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** What stands in the file below the line for editors. */
const shownOf = (name: string): string => read(name).replace(/^# yaml-language-server: .*\n/, '');

describe('the tutorial', () => {
  const blocks = blocksOf('docs/tutorial.md');

  it.each(names)('shows %s as it is', (name) => {
    const block = blocks.find(({ text, name: shown }) => (shown === null ? text === read(name) : shown === name));
    expect(block?.text).toBe(shownOf(name));
  });

  it('shows what `pawl test` says about its test file', async () => {
    const run = await runFile(folder, '5-gate.test.yaml');
    const said = textOf(run).split('\n');
    const shown = [...pageText('docs/tutorial.md').matchAll(/^ {2}(ok {4}.* \(\S+) in \d+ ms\)$/gm)].map(
      ([, line]) => `${line})`,
    );
    expect(shown).toEqual(said.map((line) => line.replace(/^ok {2}/, 'ok    ')));
  });
});

/** By file: what its steps are told to measure, and what has to come out. */
const metricsOfSleep = { value: '${{ double(inputs.value) }}' };
const runs: Record<string, { steps: Record<string, object>; expect: object }> = {
  '1-hello.yaml': { steps: { train: metricsOfSleep }, expect: { ran: ['prepare', 'train'], metrics: { score: 0.8 } } },
  '2-params.yaml': {
    steps: { train: metricsOfSleep },
    expect: { metrics: { score: 0.8 }, outputs: { folder: 'train' } },
  },
  '3-if.yaml': { steps: {}, expect: { skipped: ['tune'], outputs: { folder: 'train' } } },
  '4-loop.yaml': {
    steps: { 'improve.turn': metricsOfSleep },
    expect: { iterations: { improve: 3 }, metrics: { score: 0.7 }, outputs: { model: 'improve[2].turn' } },
  },
  '5-gate.yaml': {
    steps: { 'improve.turn': metricsOfSleep },
    expect: { 'waited-for-approval': ['good'], ran: ['publish'], metrics: { score: 0.7 } },
  },
  '6-matrix.yaml': { steps: { try: metricsOfSleep }, expect: { ran: { try: 6 }, metrics: { best: 0.8 } } },
  '7-include.yaml': {
    steps: { 'coarse.turns.turn': metricsOfSleep, 'fine.turns.turn': metricsOfSleep },
    expect: {
      iterations: { 'coarse.turns': 2, 'fine.turns': 3 },
      metrics: { score: 0.8 },
      outputs: { model: 'fine.turns[2].turn' },
    },
  },
  '8-command.yaml': { steps: { fit: { loss: 0.01 } }, expect: { ran: ['fit', 'good'], metrics: { loss: 0.01 } } },
};

describe('the pipelines of the tutorial run', () => {
  const files = Object.fromEntries(names.map((name) => [name, read(name)]));
  const pipelines = names.filter((name) => /^\d.*\.yaml$/.test(name) && !name.endsWith('.test.yaml'));

  it.each(pipelines)('%s', async (name) => {
    const { steps = {}, expect: expected = {} } = runs[name] ?? {};
    const fakes = Object.fromEntries(Object.entries(steps).map(([path, metrics]) => [path, { metrics }]));
    const approve = name === '5-gate.yaml' ? { good: {} } : {};
    const test = { pipeline: `./${name}`, steps: fakes, cases: { 'it runs': { approve, expect: expected } } };
    const run = await runFile({ ...files, 'run.test.yaml': JSON.stringify(test, null, 1) }, 'run.test.yaml');
    expect(Object.keys(expected).length).toBeGreaterThan(0);
    expect([run.diagnostics, run.cases.flatMap(({ failures }) => failures)], textOf(run)).toEqual([[], []]);
    expect(run.cases).toHaveLength(1);
  });
});
