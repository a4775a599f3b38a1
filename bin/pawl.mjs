#!/usr/bin/env node
// The `pawl` command: the compiled CLI of this folder.
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
if (!existsSync(main)) {
  process.stderr.write('pawl: this copy is not built yet.\nRun `npm run setup` in its folder.\n');
  process.exit(1);
}
await import(pathToFileURL(main).href);
