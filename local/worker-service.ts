// How the worker is started as a background process.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TemporalConfig } from '../schemas/config.js';
import { LocalError } from './local-error.js';
import type { ServiceSpec } from './service-spec.js';

/** How to start the worker of this build. Fails with not_built. Reads the build's time stamp. */
export function workerService(config: TemporalConfig): ServiceSpec {
  const dist = join(config.packageRoot, 'dist');
  const main = join(dist, 'worker', 'main.js');
  if (!existsSync(main)) throw new LocalError('not_built', `${main} is not there.\nRun \`npm run setup\`.`);
  const marks = ['.tsbuildinfo', 'workflow-bundle.js', join('worker', 'main.js')].map((name) => join(dist, name));
  const builtMs = marks.filter((path) => existsSync(path)).map((path) => statSync(path).mtimeMs);
  return {
    name: 'worker',
    command: process.execPath,
    args: [main],
    env: { PAWL_HOME: config.home },
    cwd: config.packageRoot,
    stamp: [Math.max(...builtMs), ...kindFiles(config)].join(' '),
    afterPort: config.temporal.address === null ? config.ports.temporal : null,
    graceMs: 20_000,
  };
}

/** The files of step kinds of one's own, with their times: a worker that has read others is started again. */
function kindFiles({ kinds, packageRoot }: TemporalConfig): string[] {
  const named = kinds.flatMap(({ declaration, implementation }) => [
    declaration,
    ...(implementation === undefined
      ? ['.js', '.py'].map((end) => declaration.replace(/\.json$/, end))
      : [implementation]),
  ]);
  return named
    .map((path) => resolve(packageRoot, path))
    .map((path) => `${path}@${statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? '-'}`);
}
