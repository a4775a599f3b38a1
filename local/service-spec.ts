// What the supervisor keeps alive, and what it writes about it.
import type { ServiceName } from './layout.js';
import type { ProcessIdentity } from './process-identity.js';

export interface ServiceSpec {
  name: ServiceName;
  command: string;
  args: string[];
  /** Added to the supervisor's own environment. */
  env: Record<string, string>;
  cwd: string;
  /** Changes when the service must be restarted although its command line is the same, e.g. after a build. */
  stamp: string;
  /** Start it only once this port on loopback accepts connections; null = at once. */
  afterPort: number | null;
  /** Time to end by itself after SIGTERM, ms. */
  graceMs: number;
}

/** run/services.json: what the supervisor was started with. Secrets are not in it: settings are digests. */
export interface ServicesFile {
  services: ServiceSpec[];
  /** Variables of the environment that decide what the services do -> digest of the value. */
  settings: Record<string, string>;
}

/** run/<name>.json, written by the supervisor. */
export interface ServiceState {
  name: ServiceName;
  /** null between an end and the next start. The process leads a group of its own. */
  process: ProcessIdentity | null;
  startedAt: string;
  restarts: number;
  /** How it last ended, e.g. "exit 1" or "SIGKILL"; null = it never did. */
  lastEnd: string | null;
}

/** run/supervisor.json */
export interface SupervisorState {
  process: ProcessIdentity;
  startedAt: string;
}
