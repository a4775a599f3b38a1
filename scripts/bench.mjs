// `npm run bench`: set-up, then the measurements (bench/main.ts). `-- --print` leaves docs/bench.md alone; `-- index` measures an index of
// a million rows instead (bench/index-main.ts), `-- refresh` what a refresh costs (bench/refresh-main.ts), `-- profile` where the time of the trainer goes
// (bench/profile-main.ts).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit();
const main = ['index', 'refresh', 'profile'].find((part) => process.argv.includes(part));
await import(pathToFileURL(join(root, 'dist', 'bench', main === undefined ? 'main.js' : `${main}-main.js`)).href);
