// A worker's attempts in a process of its own, for tests that stop, continue and kill it.
// node --import tsx attempt-process.ts <store> : one attempt a line of stdin, its beginning and end as lines of stdout.
import { createInterface } from 'node:readline';
import { openStore } from '../../store/open.js';
import { attempt, callOf, openBench } from './bench.js';

/** An attempt at a nap: on which key, for which run, and how it is to be held. */
export interface NapOrder {
  /** Makes the key. */
  value: number;
  run: string;
  number: number;
  steps: number;
  claimEveryMs: number;
}

/** What an order came to. */
export type NapEnd = { value: number; told: number } & (
  { key: string; found: boolean; resumedFrom: number | null } | { failure: string; message: string }
);

const [, , url = ''] = process.argv;
const bench = await openBench();
const store = await openStore(url);
const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

say('ready');
for await (const line of createInterface({ input: process.stdin })) {
  void nap(JSON.parse(line) as NapOrder);
}
await bench.close();

async function nap({ value, run, number, steps, claimEveryMs }: NapOrder): Promise<void> {
  const call = callOf(bench, 'test.sleep', { steps, step_ms: 60, value });
  const own = { ...bench.run, workflowId: `tests/${run}`, storeId: store.id };
  const { outcome } = attempt(bench, { ...call, run: own }, { number, host: { store, claimEveryMs } });
  const told = (): number => bench.told.length;
  const end = await outcome.then(
    ({ key, found, resumedFrom }) => ({ key, found, resumedFrom }),
    (error: unknown) => ({ failure: (error as { type?: string }).type ?? '', message: String(error) }),
  );
  say({ value, told: told(), ...end });
}
