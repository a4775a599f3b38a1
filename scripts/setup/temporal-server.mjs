// Leg `temporal`: the Temporal CLI, which carries the server and its web page, at .pawl/bin/temporal.
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { outputOf, runLogged } from './command.mjs';
import { SetupProblem } from './problem.mjs';
import { clearStamp, digestOf, isFresh, textOf, writeStamp } from './stamps.mjs';
import { isAtLeast, versionIn } from './versions.mjs';

/** The development server does not migrate its database, so the minor version is part of what fits. */
export const temporalVersion = [1, 8, 2];
/** From here on Go can fetch the tool chain that go.mod asks for. */
const goThatUpdatesItself = [1, 21, 0];

/** Null when there is nothing to do. @param {{ root: string, home: string, env: NodeJS.ProcessEnv }} context */
export function planTemporal(context) {
  const { root, home, env } = context;
  if (env.TEMPORAL_ADDRESS) return null;
  const binary = join(home, 'bin', 'temporal');
  const module = join(root, 'scripts', 'temporal-server');
  const goMod = textOf(join(module, 'go.mod'));
  const digest = digestOf(goMod, textOf(join(module, 'go.sum')), temporalVersion.join('.'));
  if (isFresh(home, 'temporal', digest) && existsSync(binary)) return null;
  const finish = { binary, digest };
  if (fits(binary, env)) return { bytes: 0, run: async () => writeStamp(home, 'temporal', digest) };
  const onPath = findOnPath(env);
  if (onPath !== null) return { bytes: 0, run: (say) => linkExisting(context, { ...finish, onPath, say }) };
  checkGo(goMod, env);
  return { bytes: 2.5e9, run: (say) => build(context, { ...finish, module, say }) };
}

const fits = (command, env) => {
  const version = versionIn(outputOf(command, ['--version'], { env }));
  return version !== null && version[0] === temporalVersion[0] && version[1] === temporalVersion[1];
};

function findOnPath(env) {
  const places = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return places.map((folder) => join(folder, 'temporal')).find((path) => existsSync(path) && fits(path, env)) ?? null;
}

/** Throws unless there is a Go that can build what go.mod asks for. @param {string} goMod @param {NodeJS.ProcessEnv} env */
export function checkGo(goMod, env) {
  const wanted = versionIn(/^go (\S+)$/m.exec(goMod)?.[1] ?? '');
  const text = outputOf('go', ['version'], { env });
  const instead = `Or install the Temporal CLI ${temporalVersion[0]}.${temporalVersion[1]}, or set TEMPORAL_ADDRESS to a server that runs.`;
  if (text === null) {
    throw new SetupProblem(
      `No Temporal CLI ${temporalVersion[0]}.${temporalVersion[1]} and no Go to build it with.`,
      `Install Go ${wanted.join('.')} or newer and run the same command again.\n${instead}`,
    );
  }
  const version = versionIn(text.replace(/^go version go/, ''));
  if (isAtLeast(version, wanted)) return;
  const updatesItself =
    isAtLeast(version, goThatUpdatesItself) && outputOf('go', ['env', 'GOTOOLCHAIN'], { env }) !== 'local';
  if (updatesItself) return;
  throw new SetupProblem(
    `Go ${version.join('.')} is too old to build the Temporal server: it needs ${wanted.join('.')} or newer.`,
    `Install a newer Go${isAtLeast(version, goThatUpdatesItself) ? ', or let this one fetch it: GOTOOLCHAIN=auto' : ''}, and run the same command again.\n${instead}`,
  );
}

async function linkExisting({ home }, { binary, digest, onPath, say }) {
  say(`using ${onPath}`);
  mkdirSync(join(home, 'bin'), { recursive: true });
  rmSync(binary, { force: true });
  symlinkSync(onPath, binary);
  writeStamp(home, 'temporal', digest);
}

async function build({ home, env }, { binary, digest, module, say }) {
  clearStamp(home, 'temporal');
  mkdirSync(join(home, 'bin'), { recursive: true });
  const version = temporalVersion.join('.');
  const flags = `-s -w -X github.com/temporalio/cli/internal/temporalcli.Version=${version}`;
  const building = `${binary}.building`;
  say(`building the Temporal server ${version} with Go (about three minutes the first time)`);
  await runLogged('go', ['build', '-ldflags', flags, '-o', building, 'github.com/temporalio/cli/cmd/temporal'], {
    cwd: module,
    env: { ...env, CGO_ENABLED: '0' },
    log: join(home, 'logs', 'setup-temporal.log'),
    doing: 'Building the Temporal server',
    mirror: 'GOPROXY',
  });
  renameSync(building, binary);
  writeStamp(home, 'temporal', digest);
}
