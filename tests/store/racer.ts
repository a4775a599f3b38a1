// A process of its own for the tests of stores: does one thing to a store and reports on stdout, one line of JSON.
// node --import tsx racer.ts <store> <what> <argument>
import { openStore } from '../../store/open.js';

const [dir = '', what = '', argument = ''] = process.argv.slice(2);
const store = await openStore(dir);
const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
const go = (): Promise<unknown> => new Promise((resolve) => process.stdin.once('data', resolve));

const etags = JSON.parse(argument) as string[];
say('ready');
await go();

const won: number[] = [];
if (what === 'create')
  for (const index of etags.keys()) if (await store.createIfAbsent(`race/${index}`, `${process.pid}`)) won.push(index);
if (what === 'swap')
  for (const [index, etag] of etags.entries())
    if (await store.compareAndSwap(`swap/${index}`, etag, `${process.pid}`)) won.push(index);
if (what === 'count')
  for (const index of etags.keys())
    for (;;) {
      const current = await store.getVersioned('counter');
      if (current === null) throw new Error('the counter is gone');
      const next = String(Number(Buffer.from(current.body).toString()) + 1);
      if (!(await store.compareAndSwap('counter', current.etag, next))) continue;
      won.push(index);
      break;
    }
if (what === 'big') {
  const [created = '', swapped = '', etag = ''] = etags;
  const body = Buffer.alloc(48 * 1024 * 1024, 7);
  say('writing');
  await (created === '' ? store.compareAndSwap(swapped, etag, body) : store.createIfAbsent(created, body));
}
if (what === 'fail')
  try {
    await store.createIfAbsent('large', Buffer.alloc(Number(etags[0])));
    say({ created: true });
  } catch (error) {
    const failed = error as Error & { failureClass?: string };
    say({ name: failed.name, failureClass: failed.failureClass, message: failed.message });
  }
say({ pid: process.pid, won });
process.exit(0);
