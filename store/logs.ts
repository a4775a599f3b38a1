// The logs of attempts: what a trainer or a program wrote while a step ran, by run and path, so that they are read from any
// host and after the attempt is gone. In parts; an attempt writes its own only.
import { createHash } from 'node:crypto';
import { listAll } from './list-all.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

export interface LogName {
  /** The run that the attempt was made for. */
  workflowId: string;
  path: string;
  /** Name of the attempt: sorts by time. */
  attempt: string;
  /** Its number, from 1. */
  number: number;
}

/** A log that is kept: which parts of it are there, ascending. What lies between them was left out. */
export interface KeptLog extends LogName {
  parts: number[];
  bytes: number;
}

/** Writes a part over what it held before. */
export const writeLogPart = (store: ObjectStore, log: LogName, part: number, text: string): Promise<void> =>
  store.put(partName(log, part), text);

/** Takes a part out, so that the log stays within its bounds. */
export const removeLogPart = (store: ObjectStore, log: LogName, part: number): Promise<void> =>
  store.remove(partName(log, part));

/** The text of a part; '' when it is not there. */
export async function readLogPart(store: ObjectStore, log: LogName, part: number): Promise<string> {
  const body = await store.get(partName(log, part));
  return body === null ? '' : Buffer.from(body).toString('utf8');
}

/** The logs of a run, or of one step of it, in the order in which the attempts began. One listing of names. */
export async function listLogs(store: ObjectStore, workflowId: string, path?: string): Promise<KeptLog[]> {
  const logs = new Map<string, KeptLog>();
  const prefix = path === undefined ? names.logs(workflowId) : `${names.logs(workflowId)}${segmentOf(path)}/`;
  for (const { name, bytes } of await listAll(store, prefix)) {
    const [, segment, attempt, number, part] = /([^/]+)\/([^/.]+)\.(\d+)\.(\d+)\.log$/.exec(name) ?? [];
    if (segment === undefined || attempt === undefined || number === undefined || part === undefined) continue;
    const id = `${segment}/${attempt}`;
    const log = logs.get(id) ?? {
      ...{ workflowId, path: path ?? pathOf(segment), attempt, number: Number(number), parts: [], bytes: 0 },
    };
    log.parts.push(Number(part));
    log.bytes += bytes;
    logs.set(id, log);
  }
  return [...logs.values()].sort((a, b) => (a.attempt < b.attempt ? -1 : 1));
}

const partName = ({ workflowId, path, attempt, number }: LogName, part: number): string =>
  `${names.logs(workflowId)}${segmentOf(path)}/${attempt}.${number}.${String(part).padStart(6, '0')}.log`;

/** A path as one segment of a name; a very long one by its beginning and its digest. */
function segmentOf(path: string): string {
  const segment = encodeURIComponent(path);
  if (segment.length <= 200) return segment;
  return `${segment.slice(0, 160).replace(/%.?$/, '')}~${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
}

function pathOf(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
