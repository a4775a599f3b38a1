// A process of its own that collects and kills itself after so many removals.
// node --import tsx killed-collector.ts <store folder> <removals>
import { collect } from '../../gc/collect.js';
import { openFolderStore } from '../../store/folder-store.js';
import { day, watched } from './watched-store.js';

const [dir = '', after = '0'] = process.argv.slice(2);
let left = Number(after);
const store = watched(await openFolderStore(dir), async () => {
  if (left === 0) process.kill(process.pid, 'SIGKILL');
  left -= 1;
  await Promise.resolve();
});
await collect(store, { keepMs: 30 * day, dryRun: false, now: Date.now() + day, youngMs: 0, windowObjects: 3 });
