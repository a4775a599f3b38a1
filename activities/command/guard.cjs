// The parent of a user's program: leads the process group that the program runs in, and ends the group when the worker is
// gone (its end of stdin closes) or when the program has ended. Plain JavaScript, because it is a process of its own.
// Arguments: grace in milliseconds, working directory, program, its arguments. How the program ended goes to descriptor 3, as one line of JSON.
'use strict';
const { spawn } = require('node:child_process');
const { writeSync } = require('node:fs');

const [graceMs, cwd, command, ...args] = process.argv.slice(2);

/** To everybody in the group, this process among them. */
const signalGroup = (signal) => {
  try {
    process.kill(-process.pid, signal);
  } catch {
    process.exit(1);
  }
};
const finish = (end) => {
  try {
    writeSync(3, `${JSON.stringify(end)}\n`);
  } catch {
    // Nobody listens any more.
  }
  signalGroup('SIGKILL'); // what the program leaves behind
};

// Meant for the program, which has them reset; this process stays to tell how it ended.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE']) process.on(signal, () => undefined);

const program = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
program.once('error', (error) => finish({ error: error.code ?? error.message }));
program.once('exit', (code, signal) => finish({ code, signal }));

process.stdin.on('close', () => {
  signalGroup('SIGTERM');
  setTimeout(() => signalGroup('SIGKILL'), Number(graceMs));
});
process.stdin.on('error', () => undefined);
process.stdin.resume();
