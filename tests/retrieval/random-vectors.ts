// Random unit vectors for tests, the same for the same seed.
import { seededRandom } from '../../retrieval/random.js';

export function randomUnitVectors(rows: number, dimension: number, seed: number): Float32Array {
  const random = seededRandom(seed, 'test vectors');
  const uniform = (): number => (random.bits() + 0.5) / 2 ** 32;
  const vectors = new Float32Array(rows * dimension);
  for (let row = 0; row < rows; row++) {
    const own = Array.from(
      { length: dimension },
      () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    );
    const norm = Math.hypot(...own);
    vectors.set(
      own.map((x) => x / norm),
      row * dimension,
    );
  }
  return vectors;
}
