// BM25 on a corpus small enough to compute by hand.
import { describe, expect, it } from 'vitest';
import { addDocument, emptyBm25, scoreAll, tokenize } from '../../retrieval/bm25.js';

describe('tokenize', () => {
  it.each([
    ['readHTTPHeader_v2', ['read', 'http', 'header', 'v', '2']],
    ['snake_case and kebab-case', ['snake', 'case', 'and', 'kebab', 'case']],
    ['UTF8Decoder.decode()', ['utf', '8', 'decoder', 'decode']],
    ['Größe naïve', ['größe', 'naïve']],
    ['…', []],
    ['用Python排序', ['用', 'python', '排序']],
    ['日本語のテキスト', ['日本', '本語', '語の', 'のテ', 'テキ', 'キス', 'スト']],
    ['हिन्दी में', ['हिन्दी', 'में']],
  ])('splits %s', (text, expected) => {
    expect(tokenize(text)).toEqual(expected);
  });
});

describe('scoreAll', () => {
  const build = (settings: { k1: number; b: number }, texts: string[]): ReturnType<typeof emptyBm25> => {
    const index = emptyBm25(settings);
    texts.forEach((text) => {
      addDocument(index, text);
    });
    return index;
  };

  it('follows the formula', () => {
    const index = build({ k1: 1.2, b: 0.75 }, ['red stone', 'red red cloud moon', 'door']);
    const idf = Math.log(1 + (3 - 2 + 0.5) / (2 + 0.5));
    const score = (tf: number, length: number): number =>
      (idf * tf * 2.2) / (tf + 1.2 * (0.25 + (0.75 * length) / (7 / 3)));
    const scores = scoreAll(index, 'Red?');
    expect(scores[0]).toBeCloseTo(score(1, 2), 6);
    expect(scores[1]).toBeCloseTo(score(2, 4), 6);
    expect(scores[2]).toBe(0);
  });

  it('ignores length when b is 0 and counts a repeated query term as often', () => {
    const index = build({ k1: 1.2, b: 0 }, ['red', 'red a b c d e']);
    const scores = scoreAll(index, 'red');
    expect(scores[0]).toBe(scores[1]);
    expect(scoreAll(index, 'red red')[0]).toBeCloseTo(2 * (scores[0] as number), 6);
  });
});
