// `uses: command`: what the step declares about its program, read as the declaration of a step kind.
import { posix } from 'node:path';
import { commandKind, commandVersion } from '../schemas/command.js';
import type { Resources } from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { artifactTypeOf } from './artifact-types.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import { child, childMap, childString } from './authored.js';
import type { Step } from './pipeline.js';

/** The kind that a command declares with its outputs and metrics; null where that cannot be read. Pure. */
export function declaredKind(step: AuthoredMap): StepKind | null {
  const outputs = outputsOf(child(step, 'outputs'));
  const metrics = metricsOf(child(step, 'metrics'));
  if (outputs === null || metrics === null) return null;
  return {
    kind: commandKind,
    version: commandVersion,
    runs: 'worker',
    help: '',
    seeded: isTrue(step, 'seeded'),
    checkpoints: isTrue(step, 'checkpoints'),
    shared: true, // how is the program's business
    environment: [],
    inputs: {},
    outputs,
    metrics,
  };
}

/** A command that asks for something of a slot takes one; any other runs beside the workflow. Pure. */
export const placeOfCommand = ({ gpus, labels }: Resources): StepKind['runs'] =>
  gpus > 0 || labels.length > 0 ? 'trainer' : 'worker';

/** Whether the key stands there with the value true. Pure. */
export function isTrue(map: AuthoredMap, key: string): boolean {
  const value = child(map, key);
  return value?.form === 'scalar' && value.value === true;
}

/** The path of its `code` from the folder of the pipeline file: the file it stands in may be in another. Pure. */
export function codePath({ map, scope }: Step): string | undefined {
  const path = childString(map, 'code');
  const folder = posix.dirname(scope.unit.path);
  return path === undefined || folder === '.' ? path : posix.join(folder, path);
}

/** The names under `metrics`, a list or a map, with their places. Pure. */
export function metricNames(step: AuthoredMap): { name: string; span: Span }[] {
  const authored = child(step, 'metrics');
  if (authored?.form === 'map') return [...authored.entries].map(([name, { key }]) => ({ name, span: key }));
  if (authored?.form !== 'list') return [];
  return authored.items.flatMap((item) =>
    item.form === 'scalar' && typeof item.value === 'string' ? [{ name: item.value, span: item.span }] : [],
  );
}

function outputsOf(authored: Authored | undefined): StepKind['outputs'] | null {
  if (authored === undefined) return {};
  if (authored.form !== 'map') return null;
  const outputs: StepKind['outputs'] = {};
  for (const [name, { value }] of authored.entries) {
    const artifact = artifactTypeOf(value.form === 'scalar' ? value.value : null);
    if (artifact === null) return null;
    outputs[name] = { artifact, help: '' };
  }
  return outputs;
}

function metricsOf(authored: Authored | undefined): StepKind['metrics'] | null {
  if (authored === undefined) return {};
  if (authored.form === 'scalar') return null;
  const metrics: StepKind['metrics'] = {};
  if (authored.form === 'list') {
    for (const item of authored.items) {
      if (item.form !== 'scalar' || typeof item.value !== 'string') return null;
      metrics[item.value] = { help: '', unit: '', goal: null };
    }
    return metrics;
  }
  for (const name of authored.entries.keys()) {
    const map = childMap(authored, name);
    const goal = childString(map, 'goal');
    metrics[name] = {
      help: childString(map, 'help') ?? '',
      unit: childString(map, 'unit') ?? '',
      goal: goal === 'maximize' || goal === 'minimize' ? goal : null,
    };
  }
  return metrics;
}
