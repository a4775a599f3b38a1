// Which trainer of temporal.config.ts serves what a step asks for: the same for planning and for the interpreter. Pure, and
// loads in Temporal's sandbox.
import type { TrainerQueue } from './config.js';
import type { Resources } from './generated/plan.js';

/** The first trainer that offers the resources; undefined when none does. Pure. */
export const trainerFor = (resources: Resources, trainers: readonly TrainerQueue[]): TrainerQueue | undefined =>
  trainers.find(
    (offer) => offer.gpus >= resources.gpus && resources.labels.every((label) => offer.labels.includes(label)),
  );

/** `1 GPU, a100`. Pure. */
export const resourcesInWords = ({ gpus, labels }: Resources): string =>
  [`${gpus} GPU${gpus === 1 ? '' : 's'}`, ...labels].join(', ');
