// Local activity: the plan of a run that is too large to travel by value.
import { readPlan } from '../store/plans.js';
import type { LocalActivities } from './calls.js';
import { refuseForeignStore, type Host } from './host.js';

/** The plan of that hash. Reads one object; safe to run again. Classes: config, store_unavailable, artifact_damaged, worker_outdated. */
export const loadPlan =
  (host: Host): LocalActivities['loadPlan'] =>
  async ({ run, planHash }) => {
    refuseForeignStore(host, run);
    return readPlan(host.store, planHash);
  };
