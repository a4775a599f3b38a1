import { expect, it } from 'vitest';
import { trainerEnvironment } from '../../../activities/engine/trainer-environment.js';

it('a trainer keeps its memory and its threads soon sleep', () => {
  expect(trainerEnvironment({})).toEqual({
    GOMP_SPINCOUNT: '5000',
    MALLOC_MMAP_THRESHOLD_: '1073741824',
    MALLOC_TRIM_THRESHOLD_: '1073741824',
    MALLOC_TOP_PAD_: '67108864',
  });
});

it('what the environment of the worker says wins', () => {
  const own = { OMP_WAIT_POLICY: 'PASSIVE', MALLOC_TOP_PAD_: '0' };
  expect(Object.keys(trainerEnvironment(own))).toEqual(['MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_']);
});
