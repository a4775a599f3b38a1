import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../compiler/pattern.js';

const matches = (source: string, text: string): boolean => {
  const pattern = compilePattern(source);
  if (typeof pattern === 'string') throw new Error(pattern);
  return pattern.matches(text);
};

const sources = [
  'abc',
  'a.c',
  '[a-z][a-z0-9-]{0,3}',
  '(foo|bar)+',
  '(a|ab)(c|bcd)(d*)',
  'x{2}',
  'x{2,}y?',
  '[^0-9]*',
  '\\d+(\\.\\d+)?',
  '(a*)*b',
  '',
  'a|',
  '(?:ab)?c',
  '^ab$',
  '[\\w.-]+@x',
  'a\\.b',
  '[-a]+',
];
const texts = [
  '',
  'abc',
  'a.c',
  'xx',
  'xxxy',
  'foobar',
  'foobaz',
  'abcd',
  'a1-b',
  '12',
  '12.5',
  'aaab',
  'c',
  'ab',
  'me.you@x',
  'a-',
  'axc',
];

describe('compilePattern', () => {
  it.each(sources)('%s matches the whole text as a regular expression does', (source) => {
    const regex = new RegExp(`^(?:${source})$`, 'u');
    expect(texts.filter((text) => matches(source, text))).toEqual(texts.filter((text) => regex.test(text)));
  });

  it('takes time in proportion to the text where backtracking never ends', () => {
    const started = performance.now();
    expect(matches('(a|a|aa)*(a+)+b', 'a'.repeat(5_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.each([
    ['(a', 'a `(` is not closed'],
    ['a)', 'a `)` has no `(`'],
    ['[a', 'a `[` is not closed'],
    ['*a', '`*` has nothing before it to repeat'],
    ['(?=a)', '`(?` begins a look-around or a named group, and only plain groups are known'],
    ['(a)\\1', '`\\1` is not known; there are \\d, \\w and \\s'],
    ['a{5,2}', '`{5,2}` must count from a smaller to a larger number, at most 200'],
    ['((a{200}){200}){200}', 'it repeats too much'],
    ['[z-a]', 'the range `z-a` goes backwards'],
    ['a\\', 'it ends in a `\\`'],
  ])('refuses %s', (source, reason) => {
    expect(compilePattern(source)).toBe(reason);
  });
});
