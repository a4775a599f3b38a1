// Local activity: one click of a loop, e.g. the best one.
import { readClick } from '../store/clicks.js';
import type { LocalActivities } from './calls.js';
import type { Host } from './host.js';
import { clickView } from './open-loop.js';

/** The click of that index, or null. Reads one record. */
export const loadClick =
  (host: Host): LocalActivities['loadClick'] =>
  async ({ loopKey, index }) => {
    const click = await readClick(host.store, loopKey, index);
    return click && clickView(click);
  };
