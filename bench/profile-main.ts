// `npm run bench -- profile`: prints where the time of the trainer goes on the settings of the quickstart. What follows `profile`
// is handed to bench/trainer_profile.py.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { trainerEnvironment } from '../activities/engine/trainer-environment.js';
import { commit, machine } from './machine.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const threads = String(Math.min(availableParallelism(), 8));
const args = process.argv.slice(process.argv.indexOf('profile') + 1);
const python = join(root, '.pawl', 'python', 'bin', 'python');
const child = spawn(python, [join(root, 'bench', 'trainer_profile.py'), ...args], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    PYTHONPATH: join(root, 'trainer'),
    OMP_NUM_THREADS: threads,
    HF_HUB_OFFLINE: '1',
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    ...trainerEnvironment(process.env),
  },
});
console.log(`Commit ${commit(root)}. ${machine()}. ${threads} threads.\n`);
const [code] = (await once(child, 'close')) as [number | null];
process.exitCode = code ?? 1;
