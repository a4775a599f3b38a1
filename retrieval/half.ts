// IEEE 754 binary16 as bits in a Uint16Array, for rows that are kept in half the bytes. Node 20 has no Float16Array.

/**
 * Nearest binary16 of each number, ties to even, as bits: at most 2^-11 of a normal number away. From 65,520 on it is infinity; NaN stays NaN. Pure.
 */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) out[i] = halfOf(bits[i] as number, values[i] as number);
  return out;
}

/** Exactly the numbers that the bits stand for. Pure. */
export function fromHalf(bits: Uint16Array): Float32Array {
  const numbers = (table ??= allHalves());
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = numbers[bits[i] as number] as number;
  return out;
}

function halfOf(single: number, value: number): number {
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // Below 2^-14 the step is 2^-24, which is that of single numbers from 0.5 on: adding 0.5 rounds there.
  if (magnitude < 0x38800000) return sign | Math.round((Math.fround(Math.abs(value) + 0.5) - 0.5) * 2 ** 24);
  // 13 bits go; half of their last place is added, a little less where the place before is even.
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
}

let table: Float32Array | null = null;

function allHalves(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}
