// Expressions that stand in braces or brackets without quotes: to YAML their braces are maps. The commonest mistake in a
// file that is not YAML, and what the parser says about it names everything but the cause.
import type { Span } from './authored.js';

/** At most so many are looked for. */
const maxFound = 100;
const opening = '${{';

/** Where `${{ … }}` stands within `{ }` or `[ ]` of its line without quotes, in order. For a text that is not YAML. Pure. */
export function unquotedExpressions(text: string): Span[] {
  const found: Span[] = [];
  let base = 0;
  for (const line of text.split('\n')) {
    if (found.length >= maxFound) break;
    if (line.includes(opening))
      found.push(...inLine(line).map(({ start, end }) => ({ start: base + start, end: base + end })));
    base += line.length + 1;
  }
  return found.slice(0, maxFound);
}

function inLine(line: string): Span[] {
  const found: Span[] = [];
  let [depth, before] = [0, ''];
  for (let at = 0; at < line.length; at++) {
    const end = endOf(line, at, before);
    if (end === null) break;
    if (end === at) depth = Math.max(0, depth + stepOf(line[at] ?? '', before));
    else if (depth > 0 && line[at] === '$') found.push({ start: at, end: end + 1 });
    at = end;
    before = (line[at] ?? '').trim() || before;
  }
  return found;
}

/** Whether a value can begin after that letter. */
const begins = (before: string): boolean => before === '' || ':-,[{'.includes(before);

/** The last letter of the quoted text or expression that begins here, else this one; null where the line tells no more. */
function endOf(line: string, at: number, before: string): number | null {
  const letter = line[at] ?? '';
  if (letter === '#' && (line[at - 1] ?? ' ').trim() === '') return null;
  const isQuote = (letter === '"' || letter === "'") && begins(before);
  if (!isQuote && !line.startsWith(opening, at)) return at;
  const close = isQuote ? line.indexOf(letter, at + 1) : line.indexOf('}}', at);
  if (close === -1) return null;
  return isQuote ? close : close + 1;
}

function stepOf(letter: string, before: string): number {
  if (letter === '}' || letter === ']') return -1;
  return (letter === '{' || letter === '[') && begins(before) ? 1 : 0;
}
