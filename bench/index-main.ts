// `npm run bench -- index`: what an index of a million rows costs on this machine; printed, nothing is written.
import { largeIndexTable, measureLargeIndex, type LargeIndexSize } from './large-index.js';
import { machine } from './machine.js';

const size: LargeIndexSize = {
  ...{ rows: 1_000_000, dimension: 256, type: 'float16', shardRows: 131_072 },
  ...{ queries: 256, fraction: 0.01 },
};
const costs = await measureLargeIndex(size, (what) => {
  console.error(what);
});
console.log(`${machine()}\n\n${largeIndexTable(size, costs)}`);
