// Finds the Temporal CLI, which holds the embedded server.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LocalError } from './local-error.js';

/** The embedded server is tested with this CLI; another one is used from this version on. */
export const testedVersion = '1.8.2';
const oldestVersion = '1.5.0';

export interface TemporalBinary {
  path: string;
  version: string;
}

/**
 * The CLI to use: $PAWL_TEMPORAL_BIN, that of the set-up, or the first suitable one on PATH.
 * Fails with temporal_not_found or temporal_version.
 */
export function findTemporal(packageRoot: string, env: NodeJS.ProcessEnv = process.env): TemporalBinary {
  const named = env.PAWL_TEMPORAL_BIN;
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) {
      throw new LocalError(
        'temporal_not_found',
        `PAWL_TEMPORAL_BIN names ${named}, which is not an executable file.\nName the temporal CLI there, or unset it to use the one of the set-up.`,
      );
    }
    return suitable(named);
  }
  const ofSetup = join(packageRoot, '.pawl', 'bin', 'temporal');
  if (isExecutable(ofSetup)) return suitable(ofSetup);
  const refused: LocalError[] = [];
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, 'temporal');
    if (folder === '' || !isExecutable(candidate)) continue;
    try {
      return suitable(candidate);
    } catch (error) {
      if (!(error instanceof LocalError)) throw error;
      refused.push(error);
    }
  }
  if (refused[0] !== undefined) throw refused[0];
  throw new LocalError(
    'temporal_not_found',
    `No Temporal server: there is no ${ofSetup} and no \`temporal\` on PATH.\nRun \`npm run setup\`, or set TEMPORAL_ADDRESS to a server that runs elsewhere, or PAWL_TEMPORAL_BIN to the temporal CLI.`,
  );
}

/** The version that a CLI prints; null when it prints none. Runs it. */
export function versionOf(path: string): string | null {
  try {
    const out = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return /version v?(\d+\.\d+\.\d+)/.exec(out)?.[1] ?? null;
  } catch {
    return null;
  }
}

function suitable(path: string): TemporalBinary {
  const version = versionOf(path);
  if (version !== null && compareVersions(version, oldestVersion) >= 0) return { path, version };
  throw new LocalError(
    'temporal_version',
    `${path} ${version === null ? 'does not say its version' : `is version ${version}`}; Pawl needs ${oldestVersion} or newer (tested with ${testedVersion}).\nRun \`npm run setup\` to build one beside it, or set PAWL_TEMPORAL_BIN to another.`,
  );
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
