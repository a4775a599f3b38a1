// Local activity: the record of a run as it stands.
import { settled } from '../store/collection.js';
import { writeRun } from '../store/runs.js';
import { names } from '../store/store.js';
import type { LocalActivities } from './calls.js';
import type { Host } from './host.js';

/** Writes the run record over the one before and tells the tracker. Safe to run again. Class: store_unavailable. */
export const recordRun =
  (host: Host): LocalActivities['recordRun'] =>
  async ({ record, final }) => {
    await writeRun(host.store, record);
    // Written before the run looks at anything in the store: what it will find there stays.
    if (record.state === 'running') await settled(host.store, names.run(record.workflowId, record.runId), null);
    host.tracker.runRecorded({ record, final });
  };
