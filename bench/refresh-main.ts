// `npm run bench -- refresh`: prints what a refresh of 5 % costs beside a full one.
import { fileURLToPath } from 'node:url';
import { openInstallation } from './installation.js';
import { machine } from './machine.js';
import { measureRefresh, refreshLines } from './refresh.js';

const installation = await openInstallation(fileURLToPath(new URL('../..', import.meta.url)));
try {
  console.log([machine(), '', ...refreshLines(await measureRefresh(installation))].join('\n'));
} finally {
  await installation.close();
}
