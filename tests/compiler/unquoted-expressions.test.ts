import { describe, expect, it } from 'vitest';
import { unquotedExpressions } from '../../compiler/unquoted-expressions.js';

const found = (text: string): string[] => unquotedExpressions(text).map(({ start, end }) => text.slice(start, end));

describe('expressions in braces and brackets', () => {
  it('are found where no quotes are around them', () => {
    expect(found('a: { v: ${{ x }}, w: [ ${{ y.z }} ] }\nb: {c: ${{d}}}')).toEqual([
      '${{ x }}',
      '${{ y.z }}',
      '${{d}}',
    ]);
    expect(found('- { v: 3-${{ x }} }\n- [${{ y }}]')).toEqual(['${{ x }}', '${{ y }}']);
  });

  it('are left alone in quotes, in comments, and outside of braces', () => {
    expect(found('a: { v: "${{ x }}", w: \'${{ y }}\' }')).toEqual([]);
    expect(found('a: ${{ x }}\nb: {} # { ${{ y }}\nc: { d: 1 } ${{ z }}')).toEqual([]);
    expect(found('message: n=[${{ params.n }}]')).toEqual([]);
  });

  it('are looked for in time that grows with the text', () => {
    const begun = performance.now();
    expect(unquotedExpressions(`a: { ${'${{ '.repeat(200_000)}`)).toEqual([]);
    expect(unquotedExpressions(`a: { ${'v: ${{ x }}, '.repeat(50_000)}`)).toHaveLength(100);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
