// Which trainer of temporal.config.ts serves what a step asks for: the same for planning and for the interpreter. Pure, and
// loads in Temporal's sandbox.

/** What a trainer offers, or a step asks for. */
interface Offer {
  gpus: number;
  labels: readonly string[];
}

/** The first trainer that offers the resources; undefined when none does. Pure. */
export const trainerFor = <Trainer extends Offer>(
  resources: Offer,
  trainers: readonly Trainer[],
): Trainer | undefined =>
  trainers.find(
    (offer) => offer.gpus >= resources.gpus && resources.labels.every((label) => offer.labels.includes(label)),
  );

/** `1 GPU, a100`. Pure. */
export const resourcesInWords = ({ gpus, labels }: Offer): string =>
  [`${gpus} GPU${gpus === 1 ? '' : 's'}`, ...labels].join(', ');
