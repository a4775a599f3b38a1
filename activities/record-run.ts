// Local activity: the record of a run as it stands.
import { writeRun } from '../store/runs.js';
import type { LocalActivities } from './calls.js';
import type { Host } from './host.js';

/** Writes the run record over the one before and tells the tracker. Safe to run again. Class: store_unavailable. */
export const recordRun =
  (host: Host): LocalActivities['recordRun'] =>
  async ({ record, final }) => {
    await writeRun(host.store, record);
    host.tracker.runRecorded({ record, final });
  };
