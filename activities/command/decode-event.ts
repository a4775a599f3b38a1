// A line of a program's events: as schemas/event.schema.json says, with what a program need not know filled in.
import type { CheckpointWritten, Done, Event, Failed, Log, Metrics, Progress } from '../../schemas/generated/event.js';
import * as validators from '../../schemas/generated/validators.js';
import { parseLoosely } from './loose-json.js';

/** What a program may say. */
export type CommandEvent = Progress | Metrics | CheckpointWritten | Log | Done | Failed;

const types = ['progress', 'metrics', 'checkpoint', 'log', 'done', 'failed'];

/** The event on a line, or what is wrong with it, in words. Pure. */
export function decodeCommandEvent(line: string, id: string): { event: CommandEvent } | { problem: string } {
  const value = parseLoosely(line);
  if (value === undefined) return { problem: 'it is not JSON' };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'it is no JSON object' };
  const { type } = value as { type?: unknown };
  if (typeof type !== 'string' || !types.includes(type))
    return { problem: `its \`type\` is none of ${types.join(', ')}` };
  const whole = complete(type, value as Record<string, unknown>, id);
  if (isEvent(whole)) return { event: whole };
  const errors = (validators.event.errors ?? []).filter((error) => isAbout(type, error.schemaPath));
  const [first] = errors.filter(({ keyword }) => keyword !== 'oneOf' && keyword !== 'const');
  const place = first?.instancePath ?? '';
  return { problem: `${place === '' ? 'it' : place} ${first?.message ?? 'is no event'}` };
}

const isEvent = (value: unknown): value is CommandEvent => validators.event(value) && (value as Event).type !== 'ready';

const definitions: Record<string, string> = {
  progress: 'Progress',
  metrics: 'Metrics',
  checkpoint: 'CheckpointWritten',
  log: 'Log',
  done: 'Done',
  failed: 'Failed',
};
const isAbout = (type: string, schemaPath: string): boolean =>
  schemaPath.startsWith(`#/$defs/${definitions[type] ?? ''}/`);

function complete(type: string, given: Record<string, unknown>, id: string): Record<string, unknown> {
  switch (type) {
    case 'progress':
      return { total: null, text: '', ...given, id };
    case 'metrics':
      return { nonFinite: nullsOf(given.values), ...given, id };
    case 'checkpoint':
      return { path: String(given.step), ...given, id };
    case 'log':
      return { level: 'info', ...given, id };
    case 'done':
      return { metrics: {}, seconds: 0, figures: {}, ...given, id };
    default:
      return { class: 'trainer_crash', details: {}, traceback: null, ...given, id };
  }
}

const nullsOf = (values: unknown): string[] =>
  typeof values === 'object' && values !== null
    ? Object.entries(values).flatMap(([name, value]) => (value === null ? [name] : []))
    : [];
