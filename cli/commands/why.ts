// pawl why: what the key of a step is made of, and what differs from the result before. Reads the store only.
import { differencesBetween } from '../../planning/key-diff.js';
import type { TemporalConfig } from '../../schemas/config.js';
import type { Derivation, RunRecord } from '../../schemas/generated/records.js';
import { openStore } from '../../store/open.js';
import { readResult } from '../../store/results.js';
import type { ObjectStore } from '../../store/store.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';
import { stepKeysOf } from '../step-key.js';

export async function why(first: string, second: string | undefined, options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const [run, path] = second === undefined ? [undefined, first] : [first, second];
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record, records } = await findRecord(store, run);
  const found = await keyOf(config, store, record, path);
  const earlier = records.slice(records.indexOf(record) + 1).filter(({ name }) => name === record.name);
  const previous = found.derivation === null ? null : await previousOf(config, store, earlier, path, found.key);
  const producers = new Map(
    record.steps.flatMap((step) => (step.key === null ? [] : [[step.key, step.path] as const])),
  );
  const changes =
    found.derivation === null || previous === null
      ? null
      : differencesBetween(previous.derivation, found.derivation, producers).map(({ text }) => text);
  output.record({ type: 'why', workflowId: record.workflowId, path, ...found, previous, changes });
  output.line(`${path} of ${record.workflowId}: ${found.state}${found.reason === null ? '' : `, ${found.reason}`}`);
  output.line(`key ${found.key}`);
  if (found.derivation === null)
    output.line(
      found.isLoop
        ? `A loop is keyed by its body, the inits of its carries and the values it reads from around; its iterations: \`pawl why ${path}[0].STEP\``
        : 'Its result is not in the store yet.',
    );
  else for (const line of derivationLines(found.derivation, producers)) output.line(line);
  if (changes !== null && previous !== null) {
    output.line('');
    output.line(`changed since ${previous.workflowId} (${previous.startedAt}):`);
    for (const change of changes) output.line(`  ${change}`);
  } else if (found.derivation !== null) output.line('\nno earlier run has another key for this step');
  return exitCodes.ok;
}

interface FoundKey {
  key: string;
  state: string;
  reason: string | null;
  isLoop: boolean;
  derivation: Derivation | null;
}

async function keyOf(config: TemporalConfig, store: ObjectStore, record: RunRecord, path: string): Promise<FoundKey> {
  const fanned = record.steps.find((one) => one.path === path && one.kind === 'matrix');
  if (fanned !== undefined) {
    const cells = record.steps.filter((one) => one.path.startsWith(`${path}[`)).map((one) => `'${one.path}'`);
    throw new CliError(
      exitCodes.invalid,
      `\`${path}\` is fanned out by a matrix and has no key of its own. Name a cell, in quotes: ${cells.join(', ')}`,
    );
  }
  const key = await stepKeysOf(config, store, record).keyAt(path);
  if (key === null) {
    throw new CliError(
      exitCodes.invalid,
      `${record.workflowId} has no step ${path}, or it has not started. Its steps: ${record.steps.map((step) => step.path).join(', ')}`,
    );
  }
  const step = record.steps.find((one) => one.path === path);
  const result = await readResult(store, key);
  return {
    key,
    state: step?.state ?? (result === null ? 'running' : 'done'),
    reason: step?.reason ?? null,
    isLoop: step?.kind === 'loop',
    derivation: result?.derivation ?? null,
  };
}

async function previousOf(
  config: TemporalConfig,
  store: ObjectStore,
  earlier: readonly RunRecord[],
  path: string,
  key: string,
): Promise<{ workflowId: string; startedAt: string; derivation: Derivation } | null> {
  for (const record of earlier) {
    const other = await stepKeysOf(config, store, record).keyAt(path);
    const result = other === null || other === key ? null : await readResult(store, other);
    if (result !== null)
      return { workflowId: record.workflowId, startedAt: record.startedAt, derivation: result.derivation };
  }
  return null;
}

/** The parts of a key, one a line. Pure. */
export function derivationLines(derivation: Derivation, producers: ReadonlyMap<string, string>): string[] {
  const shown = (value: unknown): string => {
    if (typeof value === 'object' && value !== null && 'key' in value && 'output' in value) {
      const producer = producers.get(String(value.key));
      return `${String(value.output)} of ${producer ?? String(value.key).slice(0, 12)}`;
    }
    return JSON.stringify(value);
  };
  return [
    `  kind ${derivation.kind} version ${derivation.version}`,
    ...(derivation.seed === null ? [] : [`  seed ${derivation.seed}`]),
    ...Object.entries(derivation.environment).map(([name, value]) => `  ${name} ${value}`),
    ...Object.entries(derivation.inputs).map(([name, value]) => `  ${name}: ${shown(value)}`),
  ];
}
