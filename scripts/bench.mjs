// `npm run bench`: set-up, then the measurements (bench/main.ts). `-- --print` leaves docs/bench.md alone; `-- index` measures an index of
// a million rows instead (bench/index-main.ts).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit();
const main = process.argv.includes('index') ? 'index-main.js' : 'main.js';
await import(pathToFileURL(join(root, 'dist', 'bench', main)).href);
