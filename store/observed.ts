// A store whose requests are told to somebody: how long each took, and whether it failed.
import type { ObjectStore } from './store.js';

export type Told = (operation: string, seconds: number, failed: boolean) => void;

const operations = [
  'get',
  'getVersioned',
  'head',
  'compareAndSwap',
  'put',
  'createFromFile',
  'toFile',
  'remove',
] as const;

/** The same store; `list` is told once it ends. */
export function observedStore(store: ObjectStore, told: Told): ObjectStore {
  const observed: ObjectStore = { ...store };
  for (const operation of operations) {
    const call = store[operation].bind(store) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(observed, { [operation]: (...args: unknown[]) => timed(operation, () => call(...args), told) });
  }
  // Timed from when what it comes after is there: the time of that is its own.
  observed.createIfAbsent = (name, body, options) =>
    timed('createIfAbsent', () => store.createIfAbsent(name, body, options), told, options?.after);
  observed.list = async function* (prefix) {
    const startedMs = performance.now();
    let failed = true;
    try {
      yield* store.list(prefix);
      failed = false;
    } finally {
      told('list', (performance.now() - startedMs) / 1000, failed);
    }
  };
  return observed;
}

async function timed<T>(operation: string, work: () => Promise<T>, told: Told, after?: Promise<unknown>): Promise<T> {
  let startedMs = performance.now();
  const restart = (): void => void (startedMs = performance.now());
  after?.then(restart, restart);
  let failed = true;
  try {
    const value = await work();
    failed = false;
    return value;
  } finally {
    told(operation, (performance.now() - startedMs) / 1000, failed);
  }
}
