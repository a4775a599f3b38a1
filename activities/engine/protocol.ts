// The lines between a worker and its trainer process: jobs in, events out, one JSON object a line.
import type { Event } from '../../schemas/generated/event.js';
import type { Job } from '../../schemas/generated/job.js';
import * as validators from '../../schemas/generated/validators.js';

/** Version of the protocol that this worker speaks; the trainer answers with its own. */
export const protocolVersion = 1;

/** A longer line is no event: nothing that the trainer says comes near it. */
export const maxLineBytes = 8 * 2 ** 20;

/** The line that carries a job, with its newline. Pure. */
export const encodeJob = (job: Job): string => `${JSON.stringify(job)}\n`;

/** The event on a line, or what is wrong with the line, in words. Pure. */
export function decodeEvent(line: string): { event: Event } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { problem: 'it is not JSON' };
  }
  if (isEvent(value)) return { event: value };
  const spoken = foreignProtocol(value);
  if (spoken !== null) return { problem: `it speaks protocol ${spoken}, and this worker speaks ${protocolVersion}` };
  return { problem: `it is no event of schemas/event.schema.json${placeOf(value)}` };
}

/** Where the line goes wrong, if it is an event of a known type at all: the deepest place that the validator names. */
function placeOf(value: unknown): string {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  const errors = (validators.event.errors ?? []).filter(
    ({ instancePath }) => instancePath !== '' && instancePath !== '/type',
  );
  const [first] = errors;
  if (typeof type !== 'string') return '';
  return first === undefined
    ? ` (type ${JSON.stringify(type)})`
    : ` (${first.instancePath} ${first.message ?? 'is wrong'})`;
}

function foreignProtocol(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'ready') return null;
  return 'protocol' in value && value.protocol !== protocolVersion ? JSON.stringify(value.protocol) : null;
}

const isEvent = (value: unknown): value is Event => validators.event(value);

/**
 * Splits a byte stream into lines; returns the function to feed. A line beyond `maxLineBytes` is handed on cut, so that
 * it is reported instead of filling the memory. Holds at most one unfinished line.
 */
export function lineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = (): void => {
    const line = Buffer.concat(pending).toString('utf8');
    pending = [];
    pendingBytes = 0;
    if (line.trim() !== '') onLine(line);
  };
  return (chunk) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      pending.push(rest.subarray(0, end));
      flush();
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) pending.push(rest);
    pendingBytes += rest.length;
    if (pendingBytes > maxLineBytes) flush();
  };
}
