// The normal distribution.

/** P(X > z) of the standard normal distribution, z >= 0; relative error below 1e-6 (Numerical Recipes, erfc by a rational Chebyshev fit). Pure. */
export function normalTail(z: number): number {
  const t = 1 / (1 + (0.5 * z) / Math.SQRT2);
  const x = z / Math.SQRT2;
  const fit = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const sum = fit.reduceRight((total, coefficient) => total * t + coefficient, 0);
  return 0.5 * t * Math.exp(-x * x + sum);
}

/** The z of which P(X > z) is `tail`, 0 < tail <= 0.5. Pure. */
export function normalQuantile(tail: number): number {
  let [low, high] = [0, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalTail(middle) > tail) low = middle;
    else high = middle;
  }
  return low;
}
