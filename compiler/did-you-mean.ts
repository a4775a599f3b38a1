// The nearest known name to a misspelt one.

/** Edit distance (Levenshtein, with a swap of neighbours as one edit: optimal string alignment). Pure. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? cell(i - 2, j - 2) + 1 : Infinity;
      rows[i]?.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced, swapped));
    }
  }
  return cell(a.length, b.length);
}

/** Whether one letter more, less or other, or a swap of neighbours, makes `b` of `a`: quicker than the distance. */
function isOneEdit(a: string, b: string): boolean {
  const last = a.length - 1;
  if (Math.abs(b.length - 1 - last) > 1 || (a[0] !== b[0] && a[last] !== b[b.length - 1] && last > 1)) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  let end = 0;
  const shorter = Math.min(a.length, b.length) - start;
  while (end < shorter && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const isSwap = left.length === 2 && left[0] === right[1] && left[1] === right[0];
  return Math.max(left.length, right.length) <= 1 || isSwap;
}

/** Of more names than these only those are near that one edit makes, so that thousands of mistakes are explained soon. */
const manyNames = 500;

/** The known name nearest to `name`, when it is near enough to be meant; the first in order wins a tie. Pure. */
export function nearest(name: string, known: Iterable<string>): string | null {
  const names = [...known];
  if (names.length > manyNames) return names.filter((candidate) => isOneEdit(name, candidate)).sort()[0] ?? null;
  const limit = Math.max(1, Math.floor(name.length / 3));
  const ranked = names
    .filter((candidate) => Math.abs(candidate.length - name.length) <= limit)
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1));
  return ranked[0]?.candidate ?? null;
}

/** The one name that goes on where `name` ends, as `integer` does after `int`. */
function completed(name: string, names: readonly string[]): string | null {
  const longer = name.length < 3 || names.length > manyNames ? [] : names.filter((known) => known.startsWith(name));
  return longer.length === 1 ? (longer[0] ?? null) : null;
}

/** A hint: the nearest name, else what there is (when it is few), else null. Pure. */
export function suggest(name: string, known: Iterable<string>): string | null {
  const names = [...known];
  const near = nearest(name, names) ?? completed(name, names);
  if (near !== null) return `did you mean \`${near}\`?`;
  if (names.length === 0 || names.length > manyNames) return null;
  const shown = names
    .sort()
    .slice(0, 12)
    .map((item) => `\`${item}\``);
  return `there ${names.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${names.length > 12 ? ', …' : ''}`;
}
