// The supervisor process: started detached by up.ts with the home folder as its argument; ends on SIGTERM.
import { rmSync } from 'node:fs';
import { readJsonFile, writeJsonFile } from './json-file.js';
import { layoutOf } from './layout.js';
import { identify } from './process-identity.js';
import type { ServicesFile, SupervisorState } from './service-spec.js';
import { supervise } from './supervisor.js';

process.umask(0o077);
const home = process.argv[2];
const layout = home === undefined ? null : layoutOf(home);
const file = layout === null ? null : readJsonFile<ServicesFile>(layout.services);
const own = identify(process.pid);
if (layout === null || file === null || own === null) {
  process.stderr.write('usage: supervisor-main.js HOME [json], with HOME/run/services.json written by `pawl up`\n');
  process.exit(1);
}

const asJson = process.argv[3] === 'json';
const log = (line: string): boolean => {
  const time = new Date().toISOString();
  const entry = { level: 'info', time, source: 'supervisor', msg: line };
  return process.stdout.write(asJson ? `${JSON.stringify(entry)}\n` : `${time} ${line}\n`);
};
writeJsonFile(layout.supervisorState, { process: own, startedAt: new Date().toISOString() } satisfies SupervisorState);
log(`supervising ${file.services.map(({ name }) => name).join(', ')}`);
const supervisor = supervise(layout, file.services, log);

let stopped: Promise<void> | null = null;
const stop = (): void => {
  stopped ??= supervisor.stop().then(() => {
    rmSync(layout.supervisorState, { force: true });
    log('stopped');
    process.exit(0);
  });
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// The terminal that said `up` may go away.
process.on('SIGHUP', () => undefined);
