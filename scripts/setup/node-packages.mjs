// Leg `packages`: node_modules as package-lock.json has it.
import { existsSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from './command.mjs';
import { SetupProblem } from './problem.mjs';
import { textOf } from './stamps.mjs';
import { isAtLeast, versionIn } from './versions.mjs';

export const nodeFloor = [20, 19];

/** Throws when this Node is too old. @param {string} version as process.versions.node has it */
export function checkNode(version) {
  if (isAtLeast(versionIn(version), nodeFloor)) return;
  throw new SetupProblem(
    `Node ${version} is too old: Pawl needs Node ${nodeFloor.join('.')} or newer.`,
    'Install a newer Node (with nvm: `nvm install 22`), open a new terminal and run the same command again.',
  );
}

/** Null when there is nothing to do. @param {{ root: string, home: string, env: NodeJS.ProcessEnv }} context */
export function planPackages({ root, home, env }) {
  const lock = textOf(join(root, 'package-lock.json'));
  if (lock === '')
    throw new SetupProblem('package-lock.json is missing.', 'Restore it: `git checkout package-lock.json`.');
  if (installedMatches(JSON.parse(lock), textOf(join(root, 'node_modules', '.package-lock.json')))) {
    return commandIsLinked(root) ? null : { bytes: 0, run: async () => linkCommand(root) };
  }
  const npm = npmCommand(env);
  return {
    bytes: 1.0e9,
    run: async (say) => {
      say('npm ci');
      await runLogged(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund'], {
        cwd: root,
        env,
        log: join(home, 'logs', 'setup-packages.log'),
        doing: 'Installing the Node packages',
        mirror: 'npm_config_registry',
      });
      linkCommand(root);
    },
  };
}

/** Whether what npm wrote about node_modules names every package of the lock file in its version. Pure. */
export function installedMatches(lock, hiddenLock) {
  if (hiddenLock === '') return false;
  const installed = JSON.parse(hiddenLock).packages ?? {};
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    // Packages for other platforms are in the lock file and rightly absent.
    if (found === undefined) return wanted.optional === true || wanted.peer === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

const commandLink = (root) => join(root, 'node_modules', '.bin', 'pawl');
const commandTarget = join('..', '..', 'bin', 'pawl.mjs');

function commandIsLinked(root) {
  try {
    return readlinkSync(commandLink(root)) === commandTarget;
  } catch {
    return false;
  }
}

/** npm links the commands of dependencies only; with this, `npx pawl` is this clone and never asks a registry. */
function linkCommand(root) {
  rmSync(commandLink(root), { force: true });
  symlinkSync(commandTarget, commandLink(root));
}

function npmCommand(env) {
  const script = env.npm_execpath;
  if (script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script)) return [process.execPath, script];
  return ['npm'];
}
