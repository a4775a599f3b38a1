// Local activity: makes an iteration of a loop durable. What its carry supersedes is pruned by `keep`.
import { commitClick as writeClick, pruneClicks } from '../store/clicks.js';
import type { LocalActivities } from './calls.js';
import { refuseForeignStore, type Host } from './host.js';
import { clickView } from './open-loop.js';

/** Writes the click if absent and returns the one that stands. Safe to run again. */
export const commitClick =
  (host: Host): LocalActivities['commitClick'] =>
  async ({ run, path, loopKey, click, keep }) => {
    refuseForeignStore(host, run);
    const createdAt = new Date(host.clock()).toISOString();
    const standing = await writeClick(host.store, { schema: 1, loopKey, createdAt, ...click });
    await pruneClicks(host.store, loopKey, keep);
    const { earlier } = click;
    if (earlier !== undefined) host.tracker.clicked({ run, path, iterations: [...earlier, standing] });
    return clickView(standing);
  };
