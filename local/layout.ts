// Where the embedded servers keep their files under `home`. The only place that spells these paths.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the supervised processes, in the order in which they are started. */
export const serviceNames = ['temporal', 'mlflow', 'worker'] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface Layout {
  runFolder: string;
  logFolder: string;
  temporalFolder: string;
  temporalDatabase: string;
  /** Which CLI made the database beside it. */
  temporalVersion: string;
  mlflowFolder: string;
  /** What the supervisor is to keep alive. */
  services: string;
  supervisorState: string;
  upLock: string;
  state(name: ServiceName): string;
  log(name: ServiceName | 'supervisor'): string;
}

/** Paths under `home`. Pure. */
export function layoutOf(home: string): Layout {
  const runFolder = join(home, 'run');
  const logFolder = join(home, 'logs');
  const temporalFolder = join(home, 'temporal');
  return {
    runFolder,
    logFolder,
    temporalFolder,
    temporalDatabase: join(temporalFolder, 'temporal.db'),
    temporalVersion: join(temporalFolder, 'temporal.db.version'),
    mlflowFolder: join(home, 'mlflow'),
    services: join(runFolder, 'services.json'),
    supervisorState: join(runFolder, 'supervisor.json'),
    upLock: join(runFolder, 'up.lock'),
    state: (name) => join(runFolder, `${name}.json`),
    log: (name) => join(logFolder, `${name}.log`),
  };
}

/** Makes the folders, readable by their owner only. Safe to run twice. */
export function makeFolders(layout: Layout): void {
  for (const folder of [layout.runFolder, layout.logFolder, layout.temporalFolder, layout.mlflowFolder]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}
