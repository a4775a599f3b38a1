import { describe, expect, it } from 'vitest';
import { inputsOf, refusedBy, withDefaults } from '../../expressions/refusals.js';

const refusal = {
  when: 'low > high',
  says: '`low` is ${{ low }} and `high` ${{ high }} in ${{ names }} of ${{ text }}',
  help: 'lower `low` to ${{ high - 0.5 }}',
};
const values = { low: 3, high: 2, names: ['a', 'b'], text: 'x' };

describe('a refusal', () => {
  it('names the inputs that it reads, those of the condition first', () => {
    expect(inputsOf(refusal)).toEqual(['low', 'high', 'names', 'text']);
  });

  it('says the fact and the way out with the values in them', () => {
    const says = '`low` is 3 and `high` 2 in ["a","b"] of x';
    expect(refusedBy(refusal, values)).toEqual({ says, help: 'lower `low` to 1.5' });
  });

  it('refuses nothing where its condition is false or its values have the wrong type', () => {
    expect(refusedBy(refusal, { ...values, high: 3 })).toBeNull();
    expect(refusedBy(refusal, { ...values, high: 'three' })).toBeNull();
  });
});

describe('the defaults of an input', () => {
  const number = { type: 'number', help: '' } as const;
  it('are written in below it, too', () => {
    const fields = { a: { ...number, default: 1 }, b: { ...number, default: null } };
    const map = { type: 'object', help: '', default: { b: 2 }, fields } as const;
    expect(withDefaults(map, undefined)).toEqual({ a: 1, b: 2 });
    expect(withDefaults(map, { a: 3 })).toEqual({ a: 3, b: null });
    const maps = { type: 'object', help: '', default: {}, values: map } as const;
    expect(withDefaults(maps, { x: {}, y: { a: 0 } })).toEqual({ x: { a: 1, b: null }, y: { a: 0, b: null } });
    expect(withDefaults(maps, 'wrong')).toBe('wrong');
  });
});
