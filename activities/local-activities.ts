// The local activities of a workflow worker, by the names of calls.ts.
import type { LocalActivities } from './calls.js';
import { commitClick } from './commit-click.js';
import type { Host } from './host.js';
import { loadClick } from './load-click.js';
import { loadPlan } from './load-plan.js';
import { failingByClass } from './local-failure.js';
import { notify } from './notify.js';
import { openLoop } from './open-loop.js';
import { recordRun } from './record-run.js';
import { resolve } from './resolve.js';

/** All of them, on what this host has. Each fails only with ApplicationFailure of a failure class. */
export const localActivities = (host: Host): LocalActivities => ({
  loadPlan: failingByClass(loadPlan(host)),
  resolve: failingByClass(resolve(host)),
  openLoop: failingByClass(openLoop(host)),
  loadClick: failingByClass(loadClick(host)),
  commitClick: failingByClass(commitClick(host)),
  recordRun: failingByClass(recordRun(host)),
  notify: failingByClass(notify(host)),
});
