// no-queue: no trainer of temporal.config.ts offers what a step asks for.
import { resourcesInWords, trainerFor } from '../../schemas/trainer-offers.js';
import type { Authored } from '../authored.js';
import { child } from '../authored.js';
import { placeOfCommand } from '../command.js';
import { isCommand } from '../fields.js';
import type { Step } from '../pipeline.js';
import { settingLayers, settingsOf } from '../settings.js';
import type { Rule } from './rule.js';

export const noQueue: Rule = ({ pipeline: { file, steps } }, _files, queues) => {
  if (queues === null) return [];
  return steps.flatMap((step) => {
    const { resources } = settingsOf(step);
    const runs = isCommand(step) ? placeOfCommand(resources) : step.kind?.runs;
    if (runs !== 'trainer') return [];
    if (trainerFor(resources, queues) !== undefined) return [];
    const offers = queues.map((queue) => `\`${queue.queue}\` has ${resourcesInWords(queue)}`);
    const hint = offers.length === 0 ? 'temporal.config.ts names no trainer' : offers.join('; ');
    const message = `no trainer has ${resourcesInWords(resources)}, which \`${step.name}\` asks for`;
    return [file.error('no-queue', asked(step)?.span ?? step.key, message, { hint })];
  });
};

/** Where the step or `defaults` asks for resources. */
function asked(step: Step): Authored | undefined {
  const [first] = settingLayers(step).flatMap((map) => child(map, 'resources') ?? []);
  return first;
}
