// `npm test`: set-up, all checks, all tests in TypeScript and Python. Runs everything even after a failure, and ends with
// one line that adds it all up.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checks } from './checks/list.mjs';
import { runChecks } from './checks/run.mjs';
import { pytestCounts, vitestCounts } from './checks/test-counts.mjs';
import { textOf } from './setup/stamps.mjs';
import { root, setUpOrExit } from './setup.mjs';

const startedAt = Date.now();
const results = join(root, '.pawl', 'test-results');
const python = join(root, '.pawl', 'python', 'bin', 'python');

await setUpOrExit({ build: false });
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

heading('Checks');
const verified = await runChecks(checks(root), { cwd: root, say: (text) => console.log(text) });
await setUpOrExit();
const totals = [{ passed: verified.passed, failed: verified.failed.length }, await vitest(), await pytest()];
const passed = totals.reduce((sum, total) => sum + total.passed, 0);
const failed = totals.reduce((sum, total) => sum + total.failed, 0);
console.log(`\n${Math.round((Date.now() - startedAt) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function heading(text) {
  console.log(`\n== ${text}`);
}

async function vitest() {
  heading('Tests in TypeScript');
  const report = join(results, 'vitest.json');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = await run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), ...args]);
  return vitestCounts(textOf(report), status);
}

async function pytest() {
  if (!existsSync(join(root, 'tests', 'trainer'))) return { passed: 0, failed: 0 };
  heading('Tests in Python');
  const report = join(results, 'pytest.xml');
  // Two processes, each a file at a time: fixtures of a file are made once, and the order is that of tests/trainer/conftest.py.
  const shared = ['-n', '2', '--dist', 'loadfile', '--no-loadscope-reorder', '--max-worker-restart', '0'];
  const status = await run(python, ['-m', 'pytest', '-q', ...shared, `--junitxml=${report}`, 'tests/trainer']);
  return pytestCounts(textOf(report), status);
}

/** Exit status of a command that writes to this terminal. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (error) => {
      console.error(error.message);
      resolve(-1);
    });
    child.on('close', (code) => resolve(code ?? -1));
  });
}
