// Runs the commands of the set-up: quietly with a log file, or for their output.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupProblem, remedyFor } from './problem.mjs';

/**
 * The trimmed output of a short command, or null when it is not there or fails.
 * @param {string} command @param {string[]} args
 */
export function outputOf(command, args, { env = process.env, timeoutMs = 15_000 } = {}) {
  const result = spawnSync(command, args, {
    env,
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return result.error || result.status !== 0 ? null : `${result.stdout}`.trim();
}

/**
 * Runs a command with its output in a log file; throws a SetupProblem with its last lines when it fails.
 * @param {string} command @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, log: string, doing: string, mirror: string }} options
 */
export async function runLogged(command, args, { cwd, env = process.env, log, doing, mirror }) {
  mkdirSync(dirname(log), { recursive: true });
  appendFileSync(log, `$ ${[command, ...args].join(' ')}\n`);
  const file = createWriteStream(log, { flags: 'a' });
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      file.write(chunk);
      tail = (tail + chunk).slice(-20_000);
    });
  }
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      tail += `\n${error.message}`;
      resolve(-1);
    });
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  await new Promise((resolve) => file.end(resolve));
  if (status === 0) return;
  const lines = tail.trimEnd().split('\n').slice(-12);
  throw new SetupProblem(
    `${doing} failed (${command} ended with ${status}):\n${lines.map((line) => `  | ${line}`).join('\n')}`,
    remedyFor(tail, { mirror, log }),
  );
}
