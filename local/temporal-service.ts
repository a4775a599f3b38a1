// How the embedded Temporal server is started, and which database it may open.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TemporalConfig } from '../schemas/config.js';
import { loopback } from './addresses.js';
import { readJsonFile, writeJsonFile } from './json-file.js';
import type { Layout } from './layout.js';
import { LocalError } from './local-error.js';
import type { ServiceSpec } from './service-spec.js';
import { type TemporalBinary, testedVersion } from './temporal-binary.js';

// The server polls its queues at most 20 times a second unless told otherwise, which makes every step wait 50 ms twice.
const dynamicConfig = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'system.enableActivityEagerExecution=true',
  // One partition keeps the order of a queue; there is one server.
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];
const pragmas = ['journal_mode=WAL', 'synchronous=NORMAL'];

/** How to start the server on its database. Pure. */
export function temporalService(config: TemporalConfig, layout: Layout, binary: TemporalBinary): ServiceSpec {
  return {
    name: 'temporal',
    command: binary.path,
    args: [
      ...['server', 'start-dev', '--ip', loopback, '--port', String(config.ports.temporal)],
      ...['--ui-ip', loopback, '--ui-port', String(config.ports.temporalUi)],
      ...['--namespace', config.temporal.namespace, '--db-filename', layout.temporalDatabase],
      ...['--log-level', 'warn', '--log-format', 'pretty', '--ui-disable-news-fetch'],
      ...pragmas.flatMap((pragma) => ['--sqlite-pragma', pragma]),
      ...dynamicConfig.flatMap((entry) => ['--dynamic-config-value', entry]),
    ],
    env: {},
    cwd: layout.temporalFolder,
    stamp: binary.version,
    afterPort: null,
    graceMs: 10_000,
  };
}

/**
 * Refuses a database that another version of the CLI made: the server never migrates one. Records the version beside a
 * database that is about to be made. Fails with database_version.
 */
export function claimDatabase(layout: Layout, binary: TemporalBinary): void {
  const recorded = readJsonFile<{ cli: string }>(layout.temporalVersion);
  if (!existsSync(layout.temporalDatabase)) {
    writeJsonFile(layout.temporalVersion, { cli: binary.version });
    return;
  }
  if (recorded?.cli === binary.version) return;
  throw new LocalError(
    'database_version',
    [
      `${layout.temporalDatabase} was made by ${recorded === null ? 'an unknown version of the temporal CLI' : `temporal CLI ${recorded.cli}`}, and ${binary.path} is ${binary.version}; the server cannot convert it.`,
      recorded === null
        ? `If this CLI made it, write {"cli": "${binary.version}"} into ${layout.temporalVersion}.`
        : `Use the CLI that made it: set PAWL_TEMPORAL_BIN to a temporal ${recorded.cli}.`,
      `Or start a new history: move ${dirname(layout.temporalDatabase)} away. Only the pages in the Temporal UI are lost; results, checkpoints and run records are in the store, and running again finds them.${binary.version === testedVersion ? '' : ` (Tested with ${testedVersion}.)`}`,
    ].join('\n'),
  );
}
