// Every value of an authored tree, once: what aliases bring in stands in one place of the file.
import type { Authored, AuthoredScalar, Span } from './authored.js';

export interface Visit {
  /** Called for each scalar with the names above it. */
  scalar?(scalar: AuthoredScalar, path: readonly string[]): void;
  /** Called for each key of a map, before what is under it; false leaves that out. */
  key?(name: string, key: Span, path: readonly string[], value: Authored): boolean;
}

/** Visits a tree in reading order. Pure, as far as `visit` is. */
export function walk(root: Authored, visit: Visit): void {
  const seen = new Set<number>();
  const go = (authored: Authored, path: readonly string[]): void => {
    const identity = identityOf(authored);
    if (seen.has(identity)) return;
    seen.add(identity);
    if (authored.form === 'scalar') visit.scalar?.(authored, path);
    else if (authored.form === 'list') for (const item of authored.items) go(item, path);
    else
      for (const [name, { key, value }] of authored.entries)
        if (visit.key?.(name, key, path, value) ?? true) go(value, [...path, name]);
  };
  go(root, []);
}

/** Place and form as one number: a text has at most 2^20 characters, all files together fewer than 2^30. */
function identityOf({ form, span }: Authored): number {
  const number = form === 'scalar' ? 0 : form === 'list' ? 1 : 2;
  return (span.start * 2 ** 20 + (span.end - span.start)) * 4 + number;
}
