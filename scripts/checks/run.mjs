// Runs checks side by side, as many as there are cores, and prints each in one piece when it is done.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Runs all checks; returns how many passed and the names of those that failed.
 * @param {{ name: string, command: string[], hint: string }[]} checks @param {{ cwd: string, say: (text: string) => void }} options
 */
export async function runChecks(checks, { cwd, say }) {
  const queue = [...checks];
  const failed = [];
  const work = async () => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      const { status, output, seconds } = await runOne(check.command, cwd);
      if (status !== 0) failed.push(check.name);
      say(`${status === 0 ? 'ok    ' : 'FAILED'} ${check.name} (${seconds.toFixed(1)} s)`);
      if (status !== 0) say(`${output.trimEnd().replaceAll(/^/gm, '    ')}\n    -> ${check.hint}`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
  return { passed: checks.length - failed.length, failed };
}

/** Output that goes into another output has no colours. */
const plain = { ...process.env, NO_COLOR: '1' };
delete plain.FORCE_COLOR;

async function runOne([command, ...args], cwd) {
  const startedAt = Date.now();
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plain,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
      resolve(-1);
    });
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return { status, output, seconds: (Date.now() - startedAt) / 1000 };
}
