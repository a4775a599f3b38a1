// `npm run bench`: measures on this machine and writes docs/bench.md and docs/bench-trl.md. `-- trl` measures the second only,
// `-- --print` only prints.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureBesideTrl } from './beside-trl.js';
import { measureCommand } from './commands.js';
import { measureCompile } from './compile.js';
import { openInstallation } from './installation.js';
import { measureLoop } from './loop.js';
import { commit, machine } from './machine.js';
import { benchPage } from './report.js';
import { measureSteps } from './steps.js';
import { trlPage } from './trl-report.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text: string): void => console.error(text);
const where = { machine: machine(), commit: commit(root), date: new Date().toISOString().slice(0, 10) };

if (!process.argv.includes('trl')) await publish('bench.md', await measureAll());
say('beside TRL');
await publish('bench-trl.md', trlPage({ ...where, costs: await measureBesideTrl(root) }));

async function measureAll(): Promise<string> {
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
    return benchPage({ ...where, steps, loop, commands, compile });
  } finally {
    await installation.close();
  }
}

async function publish(name: string, page: string): Promise<void> {
  console.log(page);
  if (!process.argv.includes('--print')) await writeFile(join(root, 'docs', name), page);
}
