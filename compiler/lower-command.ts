// A command in the plan: everything that decides what its program does stands under `with`, so that it enters the key.
import { posix } from 'node:path';
import type { Cell, Value } from '../schemas/generated/plan.js';
import type { AnalysedField } from './analysed-field.js';
import { child, childMap, childStrings, plainValue } from './authored.js';
import { codePath, isTrue, metricNames } from './command.js';
import type { Inliner } from './inline.js';
import type { Step } from './pipeline.js';
import type { FileLookup } from './rules/rule.js';

/** `with` of a command without errors: program, code, names of variables, outputs, metrics, and its own inputs. Pure. */
export function lowerCommand(
  step: Step,
  fields: AnalysedField[],
  { inliner, files }: { inliner: Inliner; files: FileLookup },
  cell: Cell | null,
): Record<string, Value> {
  const run = fields.find(({ role }) => role === 'run');
  if (run === undefined) throw new Error(`Internal error: the command \`${step.name}\` without \`run\` was lowered`);
  const inputs = fields
    .filter(({ role }) => role === 'input')
    .map((field) => [field.name, inliner.value(field, cell)] as const);
  const value = inliner.value(run, cell);
  return {
    run: Array.isArray(value) ? value.map(argument) : [argument(value)],
    shell: isTrue(step.map, 'shell'),
    ...codeOf(step, files),
    env: [...new Set(childStrings(step.map, 'env').map((item) => item.value))].sort(),
    outputs: plainValue(childMap(step.map, 'outputs') ?? { form: 'map', span: step.key, entries: new Map() }) as Value,
    metrics: [...new Set(metricNames(step.map).map(({ name }) => name))].sort(),
    inputs: Object.fromEntries(inputs),
  };
}

/** The program as a person types it, for lists. Pure. */
export function commandLine(step: Step, lowered: Record<string, Value>): string {
  const run = child(step.map, 'run');
  const written = run === undefined ? [] : [plainValue(run)].flat();
  // In a cell of a matrix its values stand in the arguments.
  const words = [lowered['run'] ?? []].flat().map((word, index) => (typeof word === 'string' ? word : written[index]));
  return `command: ${words.map(String).join(' ')}`;
}

/** Numbers and booleans as text: what a program sees of them. */
const argument = (value: Value): Value =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;

/** A single file keeps its name, which `run` speaks of. */
function codeOf(step: Step, files: FileLookup): Record<string, Value> {
  const path = codePath(step);
  if (path === undefined) return {};
  const found = files(path, 'code');
  if (found === null) throw new Error(`Internal error: the command \`${step.name}\` without its code was lowered`);
  const { digest, bytes, folder } = found;
  return { code: { $file: { path, digest, bytes, folder } }, ...(folder ? {} : { file: posix.basename(path) }) };
}
