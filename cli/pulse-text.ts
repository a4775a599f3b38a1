// What a heartbeat says of a step, for people. Pure.
import type { PulseDetails } from '../activities/pulse.js';
import { shortNumber } from './numbers.js';

/** `40 of 144  loss 2.31`; with a checkpoint, also `checkpoint at 40`. Empty when it says nothing. */
export function pulseText(pulse: PulseDetails, options: { withCheckpoint: boolean }): string {
  const where = pulse.step === null ? pulse.text : `${pulse.step}${pulse.total === null ? '' : ` of ${pulse.total}`}`;
  const metrics = Object.entries(pulse.metrics)
    .slice(0, 3)
    .map(([name, value]) => `${name} ${shortNumber(value)}`)
    .join(', ');
  const checkpoint =
    options.withCheckpoint && pulse.checkpointStep !== null ? `checkpoint at ${pulse.checkpointStep}` : '';
  return [where, metrics, checkpoint].filter((part) => part !== '').join('  ');
}
