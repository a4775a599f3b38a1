// Local activity: where a loop goes on: its newest click below `max`, and the metrics of every recorded iteration.
import { loopKey as keyOfLoop } from '../schemas/identity.js';
import type { Click } from '../schemas/generated/records.js';
import { listClicks, newestClick } from '../store/clicks.js';
import type { ClickView, InputValue, LocalActivities } from './calls.js';
import { refuseForeignStore, type Host } from './host.js';

/** The clicks of the loop with this identity. Reads records; safe to run again. */
export const openLoop =
  (host: Host): LocalActivities['openLoop'] =>
  async ({ run, identity, max, metrics }) => {
    refuseForeignStore(host, run);
    const loopKey = keyOfLoop(identity);
    const newest = await newestClick(host.store, loopKey, max);
    const last = newest?.index ?? -1;
    const recorded = (await listClicks(host.store, loopKey)).filter(({ index }) => index <= last);
    const history = metrics === undefined ? recorded : recorded.map((entry) => onlyMetrics(entry, metrics));
    return { loopKey, newest: newest && clickView(newest), history };
  };

/** A click as the interpreter sees it. Pure. */
export const clickView = ({ index, carry, metrics }: Click): ClickView => ({
  index,
  carry: carry as Record<string, InputValue>,
  metrics,
});

/** Of a long history only what the loop reads, so that thousands of iterations fit into one payload. Pure. */
function onlyMetrics<Entry extends Pick<ClickView, 'metrics'>>(entry: Entry, wanted: readonly string[]): Entry {
  const steps = Object.entries(entry.metrics).map(([step, values]): [string, typeof values] => [
    step,
    Object.fromEntries(Object.entries(values).filter(([name]) => wanted.includes(`${step}.${name}`))),
  ]);
  return { ...entry, metrics: Object.fromEntries(steps.filter(([, values]) => Object.keys(values).length > 0)) };
}
