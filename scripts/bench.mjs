// `npm run bench`: set-up, then the measurements (bench/main.ts). `-- --print` leaves docs/bench.md alone.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit();
await import(pathToFileURL(join(root, 'dist', 'bench', 'main.js')).href);
