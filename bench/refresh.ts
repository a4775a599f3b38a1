// What re-encoding 5 % of an index costs, choosing and writing included, beside re-encoding all of it: steps of one run, in turns.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from '../store/open.js';
import { readResult } from '../store/results.js';
import { listRuns } from '../store/runs.js';
import type { Installation } from './installation.js';
import { median } from './commands.js';

const pipeline = 'bench-refresh';
/** Turns; the first, which loads model and index, is left out. */
const turns = 6;
const fraction = 0.05;
const policies = ['neighbourhood', 'mixture', 'drift', 'adaptive'];

export interface RefreshCosts {
  rows: number;
  /** Median seconds of a full re-encode. */
  full: number;
  /** Median seconds of a refresh within 5 %, by policy. */
  part: Record<string, number>;
}

/** Measures on the corpus of the standard library. Starts the servers of the installation. */
export async function measureRefresh(installation: Installation): Promise<RefreshCosts> {
  const file = join(installation.folder, 'refresh.yaml');
  await writeFile(file, pipelineText());
  await installation.pawl('run', file, '--wait');
  const store = await openStore(installation.store);
  const [record] = await listRuns(store, pipeline);
  const resultOf = async (path: string): Promise<{ seconds: number; metrics: Record<string, number | null> }> => {
    const key = record?.steps.find((step) => step.path === path)?.key;
    const result = key === undefined || key === null ? null : await readResult(store, key);
    if (result === null) throw new Error(`no result of ${path}`);
    return result;
  };
  const medianOf = async (name: string): Promise<number> => {
    const warm = Array.from({ length: turns - 1 }, (_, turn) => resultOf(`${name}_${turn + 1}`));
    const found = await Promise.all(warm);
    return median(found.map(({ seconds }) => seconds));
  };
  const part: Record<string, number> = {};
  for (const policy of policies) part[policy] = await medianOf(policy);
  return { rows: (await resultOf('index')).metrics['rows'] ?? 0, full: await medianOf('full'), part };
}

/** The costs as lines of Markdown. Pure. */
export function refreshLines({ rows, full, part }: RefreshCosts): string[] {
  return [
    `A refresh of ${100 * fraction} % of ${rows} documents, the whole step with its commit, median of ${turns - 1}:`,
    '',
    '| policy | seconds | of a full re-encode |',
    '|---|---|---|',
    `| full | ${full.toFixed(3)} | 100 % |`,
    ...Object.entries(part).map(
      ([policy, seconds]) => `| ${policy} | ${seconds.toFixed(3)} | ${((100 * seconds) / full).toFixed(1)} % |`,
    ),
  ];
}

/** An index by one model, and refreshes of it with the next; each of another budget or `compact`, so that none is cached. */
function pipelineText(): string {
  const data = '"${{ steps.corpus.outputs.dataset }}"';
  const step = (name: string, uses: string, inputs: string): string =>
    `  ${name}: { uses: ${uses}, with: { ${inputs} } }`;
  const model = '"${{ steps.sft.outputs.model }}"';
  const refresh = (name: string, inputs: string): string =>
    step(
      name,
      'index.refresh',
      `index: "\${{ steps.index.outputs.index }}", model: ${model}, rollouts: "\${{ steps.rollout.outputs.rollouts }}", ${inputs}`,
    );
  return [
    'pawl: 1',
    `name: ${pipeline}`,
    'steps:',
    step('corpus', 'data.code-search', 'source: python-stdlib'),
    step('base', 'model.init', `data: ${data}, preset: tiny`),
    step('sft', 'train.sft', `model: "\${{ steps.base.outputs.model }}", data: ${data}, steps: 48`),
    step('index', 'index.build', `model: "\${{ steps.base.outputs.model }}", data: ${data}`),
    step('rollout', 'rl.rollout', `policy: ${model}, data: ${data}, iteration: 0, replay: 64`),
    ...Array.from({ length: turns }, (_, turn) => [
      refresh(`full_${turn}`, `policy: full, compact: ${0.5 + turn / 100}`),
      ...policies.map((policy) =>
        refresh(
          `${policy}_${turn}`,
          `policy: ${policy}, budget: { fraction: ${fraction} }, compact: ${0.5 + turn / 100}`,
        ),
      ),
    ]).flat(),
    '',
  ].join('\n');
}
