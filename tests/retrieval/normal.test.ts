// Values of the normal distribution from tables.
import { describe, expect, it } from 'vitest';
import { normalQuantile, normalTail } from '../../retrieval/normal.js';

describe('the normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.158655254],
    [1.959963985, 0.025],
    [3.090232306, 0.001],
    [5, 2.866515719e-7],
  ])('has beyond %f a probability of %f, and back', (z, tail) => {
    expect(normalTail(z) / tail).toBeCloseTo(1, 6);
    expect(normalQuantile(tail)).toBeCloseTo(z, 5);
  });
});
