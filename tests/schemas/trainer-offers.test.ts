import { expect, it } from 'vitest';
import { resourcesInWords, trainerFor } from '../../schemas/trainer-offers.js';

const trainers = [
  { queue: 'cpu', gpus: 0, labels: [] },
  { queue: 'big', gpus: 8, labels: ['a100', 'nvlink'] },
  { queue: 'large', gpus: 8, labels: ['a100'] },
];

it('a step goes to the first trainer that has its GPUs and all its labels', () => {
  expect(trainerFor({ gpus: 0, labels: [] }, trainers)?.queue).toBe('cpu');
  expect(trainerFor({ gpus: 2, labels: ['a100'] }, trainers)?.queue).toBe('big');
  expect(trainerFor({ gpus: 9, labels: [] }, trainers)).toBeUndefined();
  expect(trainerFor({ gpus: 1, labels: ['h100'] }, trainers)).toBeUndefined();
});

it('resources read as people say them', () => {
  expect([resourcesInWords({ gpus: 1, labels: ['a100'] }), resourcesInWords({ gpus: 0, labels: [] })]).toEqual([
    '1 GPU, a100',
    '0 GPUs',
  ]);
});
