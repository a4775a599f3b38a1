// Faults on purpose, for `npm run chaos` (chaos/): what a worker does to the store and to its trainer is written down, and at
// named points the process dies, or waits until somebody has killed another one. Composed in create-worker.ts, and only when
// PAWL_FAULTS names a folder.
//   <folder>/faults.json     what is planned (Fault[]), read once at start
//   <folder>/trace.jsonl     what happened (TraceLine), appended
//   <folder>/<id>.reached    a fault was reached; each only once, however often the worker is started again
//   <folder>/<id>.go         made by whoever kills: the worker may go on
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../activities/engine/engine.js';
import type { ObjectStore } from '../store/store.js';

export type StoreWrite = 'createIfAbsent' | 'compareAndSwap' | 'put' | 'createFromFile' | 'remove';

/** A place in what a worker does to the store. */
export interface FaultPoint {
  when: 'before' | 'inside' | 'after';
  op: StoreWrite;
  /** As shapeOf() has it. */
  shape: string;
  /** Which occurrence in the life of one worker, from 1. */
  nth: number;
}

export interface Fault {
  id: string;
  /** `self`: the worker dies there. `wait`: it waits for <id>.go. */
  then: 'self' | 'wait';
  point: FaultPoint;
}

/** One line of the trace; `at` in milliseconds since the epoch. */
export type TraceLine = { at: number; pid: number } & (
  | { what: 'write'; op: StoreWrite; name: string }
  | { what: 'claim'; key: string; path: string; attempt: string; released: boolean }
  | { what: 'asked' | 'job' | 'done' | 'lost'; job: string }
  | { what: 'event'; job: string; type: string; step: number | null }
  | { what: 'reached'; fault: string }
);

type Said = TraceLine extends infer Line ? (Line extends TraceLine ? Omit<Line, 'at' | 'pid'> : never) : never;

export interface Faults {
  store(inner: ObjectStore): ObjectStore;
  engine(inner: Engine): Engine;
}

/** A name without what differs from run to run: attempts and run ids. Pure. */
export const shapeOf = (name: string): string =>
  name
    .replace(/^(checkpoints\/[^/]+\/\d+)-.*$/, '$1-*.json')
    .replace(/^(journals\/[^/]+)\/[^/]*\.(\d+)\.jsonl$/, '$1/*.$2.jsonl')
    .replace(/^(cursors|runs)\/.*$/, '$1/*');

/** Reads the plan of faults in a folder that exists. */
export function openFaults(folder: string): Faults {
  const plan = join(folder, 'faults.json');
  const faults = existsSync(plan) ? (JSON.parse(readFileSync(plan, 'utf8')) as Fault[]) : [];
  const say = (line: Said): void => {
    const whole = { at: Date.now(), pid: process.pid, ...line };
    appendFileSync(join(folder, 'trace.jsonl'), `${JSON.stringify(whole)}\n`);
  };
  const reach = reacher(folder, faults, say);
  return { store: (inner) => tracedStore(inner, reach, say), engine: (inner) => tracedEngine(inner, say) };
}

/** Runs a write with the faults that are planned around it. */
type Reach = <T>(op: StoreWrite, name: string, write: () => Promise<T>) => Promise<T>;

function reacher(folder: string, faults: readonly Fault[], say: (line: Said) => void): Reach {
  const seen = new Map<string, number>();
  const isFirst = (fault: Fault): boolean => {
    try {
      writeFileSync(join(folder, `${fault.id}.reached`), '', { flag: 'wx' });
    } catch {
      return false;
    }
    say({ what: 'reached', fault: fault.id });
    return true;
  };
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  const stopAt = async (fault: Fault | undefined): Promise<void> => {
    if (fault === undefined || !isFirst(fault)) return;
    if (fault.then === 'self') die();
    while (!existsSync(join(folder, `${fault.id}.go`))) await sleep(5);
  };
  return async (op, name, write) => {
    const shape = shapeOf(name);
    const place = `${op} ${shape}`;
    const nth = (seen.get(place) ?? 0) + 1;
    seen.set(place, nth);
    const at = (when: FaultPoint['when']): Fault | undefined =>
      faults.find(({ point }) => point.when === when && point.op === op && point.shape === shape && point.nth === nth);
    await stopAt(at('before'));
    const writing = write();
    const inside = at('inside');
    if (inside !== undefined && isFirst(inside) && inside.then === 'self') setImmediate(die);
    const written = await writing;
    say({ what: 'write', op, name });
    await stopAt(at('after'));
    return written;
  };
}

function tracedStore(inner: ObjectStore, reach: Reach, say: (line: Said) => void): ObjectStore {
  const saying = (name: string, body: Uint8Array | string): void => {
    const claim = claimIn(name, body);
    if (claim !== null) say({ what: 'claim', ...claim });
  };
  return {
    id: inner.id,
    get: (name, range) => inner.get(name, range),
    getVersioned: (name) => inner.getVersioned(name),
    head: (name) => inner.head(name),
    toFile: (name, path) => inner.toFile(name, path),
    list: (prefix) => inner.list(prefix),
    createIfAbsent: async (name, body, options) => {
      const created = await reach('createIfAbsent', name, () => inner.createIfAbsent(name, body, options));
      if (created) saying(name, body);
      return created;
    },
    compareAndSwap: async (name, etag, body) => {
      const swapped = await reach('compareAndSwap', name, () => inner.compareAndSwap(name, etag, body));
      if (swapped) saying(name, body);
      return swapped;
    },
    put: (name, body) => reach('put', name, () => inner.put(name, body)),
    createFromFile: (name, path, options) =>
      reach('createFromFile', name, () => inner.createFromFile(name, path, options)),
    remove: (name) => reach('remove', name, () => inner.remove(name)),
  };
}

/** Who takes or frees a claim by this write; null when it is another object. */
function claimIn(name: string, body: Uint8Array | string): Omit<Extract<Said, { what: 'claim' }>, 'what'> | null {
  if (!name.startsWith('claims/')) return null;
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  const claim = JSON.parse(text) as { key: string; holder: string; attempt: string; released: boolean };
  return { key: claim.key, path: claim.holder, attempt: claim.attempt, released: claim.released };
}

function tracedEngine(inner: Engine, say: (line: Said) => void): Engine {
  return {
    ...inner,
    async run(job, onEvent, signal) {
      say({ what: 'asked', job: job.id });
      // The process is there once it is warm, and gets the job in the same moment.
      const warm = setInterval(() => {
        if (inner.pid() === null) return;
        clearInterval(warm);
        say({ what: 'job', job: job.id });
      }, 20);
      try {
        const done = await inner.run(
          job,
          (event) => {
            say({ what: 'event', job: job.id, type: event.type, step: 'step' in event ? event.step : null });
            onEvent(event);
          },
          signal,
        );
        say({ what: 'done', job: job.id });
        return done;
      } catch (error) {
        say({ what: 'lost', job: job.id });
        throw error;
      } finally {
        clearInterval(warm);
      }
    },
  };
}
