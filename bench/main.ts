// `npm run bench`: measures on this machine and writes docs/bench.md. `-- --print` only prints.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureCommand } from './commands.js';
import { measureCompile } from './compile.js';
import { openInstallation } from './installation.js';
import { measureLoop } from './loop.js';
import { commit, machine } from './machine.js';
import { benchPage } from './report.js';
import { measureSteps } from './steps.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text: string): void => console.error(text);

say('commands');
const commands = [['validate', 'pipelines/quickstart.yaml']].map((args) => measureCommand(root, args));
say('compile');
const compile = measureCompile();
say('steps');
const installation = await openInstallation(root);
try {
  const steps = await measureSteps(installation);
  say('loop');
  const loop = await measureLoop(root, installation);
  const date = new Date().toISOString().slice(0, 10);
  const page = benchPage({ machine: machine(), commit: commit(root), date, steps, loop, commands, compile });
  console.log(page);
  if (!process.argv.includes('--print')) await writeFile(join(root, 'docs', 'bench.md'), page);
} finally {
  await installation.close();
}
