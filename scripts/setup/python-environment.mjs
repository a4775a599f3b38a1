// Leg `python`: a virtual environment under .pawl/python with what trainer/requirements.txt pins.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf, runLogged } from './command.mjs';
import { SetupProblem } from './problem.mjs';
import { clearStamp, digestOf, isFresh, textOf, writeStamp } from './stamps.mjs';
import { isAtLeast, versionIn } from './versions.mjs';

const uvVersion = '0.13.9';
const pythonFloor = [3, 10];
const candidates = ['python3', 'python', 'python3.12', 'python3.11', 'python3.13', 'python3.14', 'python3.10'];
/** PyTorch's own index of builds without CUDA: a tenth of the download. */
const cpuIndex = 'https://download.pytorch.org/whl/cpu';
const reply = 4_000;

/** Null when there is nothing to do. @param {{ root: string, home: string, env: NodeJS.ProcessEnv }} context */
export function planPython(context) {
  const { root, home } = context;
  const requirements = textOf(join(root, 'trainer', 'requirements.txt'));
  // The root is part of it because the scripts of a virtual environment hold its absolute path.
  const digest = digestOf(requirements, uvVersion, root);
  const environment = join(home, 'python');
  const python = join(environment, 'bin', 'python');
  if (isFresh(home, 'python', digest) && existsSync(python)) return null;
  const base = findPython(context.env);
  return { bytes: 6.5e9, run: (say) => install(context, { base, environment, python, requirements, digest, say }) };
}

/** The first Python that is new enough and can make environments. @param {NodeJS.ProcessEnv} env */
export function findPython(env) {
  const named = env.PAWL_BASE_PYTHON;
  const found = (named === undefined ? candidates : [named])
    .map((command) => ({ command, version: versionIn(outputOf(command, ['--version'], { env })) }))
    .filter(({ version }) => version !== null);
  const usable = found.find(({ version }) => isAtLeast(version, pythonFloor));
  if (usable === undefined) throw noPython(named, found);
  if (outputOf(usable.command, ['-c', 'import venv, ensurepip'], { env }) === null) {
    throw new SetupProblem(
      `${usable.command} cannot make virtual environments: its module venv or ensurepip is missing.`,
      'On Debian and Ubuntu: `sudo apt-get install python3-venv`. Or name another Python in PAWL_BASE_PYTHON.',
    );
  }
  return usable.command;
}

function noPython(named, found) {
  const remedy = `Install Python ${pythonFloor.join('.')} or newer (Debian: \`sudo apt-get install python3 python3-venv\`; macOS: \`brew install python@3.12\`)\nor name one in PAWL_BASE_PYTHON, and run the same command again.`;
  if (found.length > 0) {
    const list = found.map(({ command, version }) => `${command} is ${version.join('.')}`).join(', ');
    return new SetupProblem(
      `Python is too old (${list}): Pawl's trainer needs ${pythonFloor.join('.')} or newer.`,
      remedy,
    );
  }
  const tried = named === undefined ? candidates.join(', ') : `PAWL_BASE_PYTHON=${named}`;
  return new SetupProblem(`No Python was found (tried ${tried}): Pawl's trainer needs one.`, remedy);
}

async function install(context, { base, environment, python, requirements, digest, say }) {
  const { root, home, env } = context;
  clearStamp(home, 'python');
  const options = {
    cwd: root,
    env: { UV_HTTP_TIMEOUT: '180', ...uvSettings(base, env), ...env, VIRTUAL_ENV: environment },
    log: join(home, 'logs', 'setup-python.log'),
    doing: 'Setting up the Python environment',
    mirror: 'PIP_INDEX_URL',
  };
  if (outputOf(python, ['-m', 'pip', '--version'], { env }) === null) {
    say(`making .pawl/python with ${base}`);
    rmSync(environment, { recursive: true, force: true });
    await runLogged(base, ['-m', 'venv', environment], options);
  }
  const installer = await installerOf(python, options, say);
  const torch = /^torch==\S+/m.exec(requirements)?.[0];
  if (torch !== undefined && (await wantsCpuTorch(python, env))) {
    say(`${torch} without CUDA`);
    const [command, ...args] = installer;
    await runLogged(command, [...args, '--no-deps', '--index-url', cpuIndex, torch], options).catch(() =>
      say('the CPU index did not deliver; going on with the default index'),
    );
  }
  say('PyTorch, transformers, MLflow and the rest (one to several minutes)');
  await runLogged(installer[0], [...installer.slice(1), '-r', join(root, 'trainer', 'requirements.txt')], options);
  writeStamp(home, 'python', digest);
}

/** uv, which is several times faster; pip where uv cannot be had. */
async function installerOf(python, options, say) {
  const pip = [python, '-m', 'pip', 'install', '--disable-pip-version-check'];
  const uv = [python, '-m', 'uv', 'pip', 'install', '--python', python];
  if (outputOf(python, ['-m', 'uv', '--version'])?.includes(uvVersion)) return uv;
  say(`uv ${uvVersion}`);
  try {
    await runLogged(pip[0], [...pip.slice(1), `uv==${uvVersion}`], options);
    return uv;
  } catch {
    say('uv is not to be had; going on with pip, which takes longer');
    return pip;
  }
}

/** What pip is configured with (mirrors, certificates), in uv's names. */
function uvSettings(base, env) {
  const settings = {};
  const names = {
    'index-url': 'UV_DEFAULT_INDEX',
    'extra-index-url': 'UV_INDEX',
    'find-links': 'UV_FIND_LINKS',
    cert: 'SSL_CERT_FILE',
  };
  for (const line of (outputOf(base, ['-m', 'pip', 'config', 'list'], { env }) ?? '').split('\n')) {
    const match = /^\S+\.([a-z-]+)='(.*)'$/.exec(line.trim());
    const name = match === null ? undefined : names[match[1]];
    if (name !== undefined) settings[name] = match[2];
  }
  return settings;
}

/** Only on Linux is the default build the one with CUDA. */
async function wantsCpuTorch(python, env) {
  if (process.platform !== 'linux' || outputOf('nvidia-smi', ['-L'], { env }) !== null) return false;
  if (
    outputOf(python, ['-c', 'import importlib.util,sys; sys.exit(importlib.util.find_spec("torch") is None)'], {
      env,
    }) !== null
  )
    return false;
  try {
    return (await fetch(`${cpuIndex}/torch/`, { method: 'HEAD', signal: AbortSignal.timeout(reply) })).ok;
  } catch {
    return false;
  }
}
