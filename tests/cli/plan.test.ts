// What `pawl plan` writes, byte for byte, of a store with a bit of everything. PAWL_UPDATE_GOLDEN=1 rewrites the files.
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planMermaid } from '../../cli/plan-mermaid.js';
import { planText } from '../../cli/plan-text.js';
import { wrapped } from '../../cli/wrap.js';
import { compile } from '../../compiler/compile.js';
import { reportOf } from '../../planning/report.js';
import type { PlanReport } from '../../schemas/generated/plan-report.js';
import * as validators from '../../schemas/generated/validators.js';
import { acquireClaim } from '../../store/claims.js';
import { openFolderStore } from '../../store/folder-store.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import type { ObjectStore } from '../../store/store.js';
import { recordsIn, ref } from '../planning/committed.js';

const folder = join(import.meta.dirname, 'golden');
const now = Date.UTC(2026, 0, 1, 13);
const plain = { width: 80, verbose: false, paint: (_: string, text: string) => text };

let dir: string;
let store: ObjectStore;
let report: PlanReport;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-plan-'));
  store = await openFolderStore(join(dir, 'store'));
  const text = readFileSync(join(folder, 'plan.yaml'), 'utf8');
  const { plan, written, diagnostics } = compile({ path: 'plan.yaml', text, set: {}, files: () => null });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  const look = (): Promise<PlanReport> =>
    reportOf({
      ...{ plan, store, environment: { python_version: '3.11.2' }, workflowId: 'planned/golden', now },
      ...{ given: new Set(['lr']), written: new Set(written), workflowQueue: 'pawl' },
      trainers: [{ queue: 'pawl-trainer', gpus: 1, labels: [] }],
    });
  const records = recordsIn(store, dir, plan);
  const first = await records.commit({ path: 'first', inputs: { steps: 3, value: 1 }, value: 1, seconds: 30 });
  const second = { steps: 40, value: 3, previous: ref(first) };
  await records.commit({ path: 'second', inputs: second, value: 3, seconds: 400 });
  await records.commit({ path: 'second', inputs: { ...second, value: 2 }, value: 2, seconds: 440, run: 'planned/two' });
  await records.checkpoint({ value: 4 }, 15);
  const pruned = await records.commit({ path: 'pruned', inputs: { value: 5 }, value: 5, seconds: 12 });
  await store.remove(names.blob((await readResult(store, pruned))?.outputs['folder']?.tree ?? ''));
  const claim = { key: records.keyOf({ value: 6 }), holder: 'sft', run: 'other/one/r', attempt: '1' };
  await acquireClaim(store, { ...claim, now: now - 1000, renewEveryMs: 10_000 });
  const work = await records.commit({ path: 'turn[1].work', inputs: { steps: 1, value: 9 }, value: 9, seconds: 20 });
  const loopKey = (await look()).steps.find(({ path }) => path === 'turn')?.key ?? '';
  for (const index of [0, 1]) await records.click(loopKey, index, { work, check: work }, 60 + index * 20);
  report = await look();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function golden(name: string, actual: string): void {
  const path = join(folder, name);
  if (process.env.PAWL_UPDATE_GOLDEN === '1') writeFileSync(path, actual);
  expect(actual).toBe(readFileSync(path, 'utf8'));
}

describe('a plan with every state', () => {
  it('as text of 80 columns', () => {
    const lines = planText(report, plain);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    golden('plan.txt', `${lines.join('\n')}\n`);
  });

  it('as text with inputs and settings, defaults marked', () => {
    golden('plan-verbose.txt', `${planText(report, { ...plain, verbose: true }).join('\n')}\n`);
  });

  it('as JSON that its schema accepts', () => {
    expect(validators.planReport(report), JSON.stringify(validators.planReport.errors)).toBe(true);
    const { plan, ...rest } = report;
    expect(Object.keys(plan)).toContain('steps');
    golden('plan.json', `${JSON.stringify(rest, null, 2)}\n`);
  });

  it('as a Mermaid graph: every node once, edges between nodes, subgraphs closed', () => {
    const lines = planMermaid(report);
    golden('plan.mmd', `${lines.join('\n')}\n`);
    expect(validMermaid(lines)).toEqual([]);
  });

  it('in colour on a terminal: only the state is painted, and nothing moves', () => {
    const painted = planText(report, { ...plain, paint: (state, text) => `<${state}>${text}</>` });
    expect(painted[0]).toMatch(/^<CACHED>CACHED +<\/> {2}first/);
    expect(painted.map((line) => line.replaceAll(/<[A-Z/]*>/g, ''))).toEqual(planText(report, plain));
  });
});

describe('a plan of many steps', () => {
  it('puts equal neighbours into one row, unless all is asked for', () => {
    const [first] = report.steps.filter(({ path }) => path === 'behind');
    if (first === undefined) throw new Error('no step');
    const steps = Array.from({ length: 200 }, (_, index) => ({ ...first, path: `part_${index}` }));
    const many = { ...report, steps };
    expect(planText(many, plain)[0]).toMatch(/^PENDING +part_0 … part_199 +test\.sleep$/);
    expect(planText(many, plain).slice(1, 3).join(' ')).toContain('200 steps');
    expect(planText(many, { ...plain, verbose: true }).length).toBeGreaterThan(400);
  });
});

it('text is broken at spaces, and a long word stays whole', () => {
  expect(wrapped('one two three', { width: 9, first: '- ', indent: '  ' })).toEqual(['- one two', '  three']);
  expect(wrapped('a-very-long-word', { width: 5, first: '- ', indent: '  ' })).toEqual(['- a-very-long-word']);
});

const label = '[^"<>]*(?:<br/>[^"<>]*)*';
const forms = {
  node: new RegExp(`^ +(n\\d+)(?:\\["${label}"\\]|\\{\\{"${label}"\\}\\}):::[a-z]+$`),
  open: new RegExp(`^ +subgraph (n\\d+)\\["${label}"\\]$`),
  end: /^ +end$/,
  edge: /^ {2}(n\d+) --> (n\d+)$/,
  style: /^ +(?:class n\d+ [a-z]+|classDef [a-z]+ [a-z#0-9:,]+)$/,
};

/** What is wrong with the lines of a flowchart, by the part of Mermaid's grammar that is used here. */
function validMermaid([first, ...lines]: readonly string[]): string[] {
  const matches = (form: RegExp): (string | undefined)[][] =>
    lines.flatMap((line) => {
      const match = form.exec(line);
      return match === null ? [] : [match.slice(1)];
    });
  const nodes = [...matches(forms.node), ...matches(forms.open)].map(([id]) => id ?? '');
  const unknown = lines.filter((line) => !Object.values(forms).some((form) => form.test(line)));
  const twice = nodes.filter((id, index) => nodes.indexOf(id) !== index);
  const loose = matches(forms.edge)
    .filter((ends) => ends.some((id) => !nodes.includes(id ?? '')))
    .map((ends) => ends.join(' --> '));
  const isClosed = matches(forms.open).length === matches(forms.end).length;
  return [
    ...(first === 'flowchart TD' ? [] : [String(first)]),
    ...unknown,
    ...twice,
    ...loose,
    ...(isClosed ? [] : ['not closed']),
  ];
}
