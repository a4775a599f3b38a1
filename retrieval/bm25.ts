// BM25 over a corpus, the baseline beside the model. Robertson and Zaragoza 2009, with Lucene's idf, which is never negative:
//   score = sum over query terms of ln(1 + (N - df + .5) / (df + .5)) * tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))
export interface Bm25Settings {
  k1: number;
  b: number;
}

interface Postings {
  rows: number[];
  counts: number[];
}

export interface Bm25 {
  settings: Bm25Settings;
  terms: Map<string, Postings>;
  lengths: number[];
  totalLength: number;
}

/** Scripts that put no space between words. */
const unspaced = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const runs = new RegExp(`([${unspaced}]+)|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+`, 'gu');

/**
 * Words of a text, lower-cased, identifiers split: `readHTTPHeader_v2` → read http header v 2. Of scripts without spaces every two
 * neighbouring characters are a word, as in Lucene's analyser for Chinese, Japanese and Korean. Pure.
 */
export function tokenize(text: string): string[] {
  const split = text
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .replace(/(\p{L})(\p{N})/gu, '$1 $2')
    .replace(/(\p{N})(\p{L})/gu, '$1 $2');
  return [...split.toLowerCase().matchAll(runs)].flatMap(([run, isUnspaced]) =>
    isUnspaced === undefined ? [run] : pairsOf(Array.from(run)),
  );
}

const pairsOf = (characters: string[]): string[] =>
  characters.length === 1 ? characters : characters.slice(1).map((next, i) => `${characters[i]}${next}`);

/** An empty index; documents are added in order of rows. */
export const emptyBm25 = (settings: Bm25Settings): Bm25 => ({
  settings,
  terms: new Map(),
  lengths: [],
  totalLength: 0,
});

/** Adds the next document. */
export function addDocument(index: Bm25, text: string): void {
  const row = index.lengths.length;
  const tokens = tokenize(text);
  for (const [term, count] of countTerms(tokens)) {
    const postings = index.terms.get(term) ?? { rows: [], counts: [] };
    postings.rows.push(row);
    postings.counts.push(count);
    index.terms.set(term, postings);
  }
  index.lengths.push(tokens.length);
  index.totalLength += tokens.length;
}

/** Score of every document; 0 = no common term, so not retrieved. A term that the query repeats counts as often. Pure. */
export function scoreAll(index: Bm25, query: string): Float32Array {
  const { k1, b } = index.settings;
  const documents = index.lengths.length;
  const mean = index.totalLength / documents;
  const scores = new Float64Array(documents);
  for (const [term, times] of countTerms(tokenize(query))) {
    const postings = index.terms.get(term);
    if (postings === undefined) continue;
    const df = postings.rows.length;
    const idf = Math.log(1 + (documents - df + 0.5) / (df + 0.5));
    postings.rows.forEach((row, i) => {
      const tf = postings.counts[i] as number;
      const norm = k1 * (1 - b + (b * (index.lengths[row] as number)) / mean);
      scores[row] = (scores[row] as number) + (times * idf * tf * (k1 + 1)) / (tf + norm);
    });
  }
  return Float32Array.from(scores);
}

function countTerms(tokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}
