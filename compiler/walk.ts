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
  const seen = new Set<string>();
  const go = (authored: Authored, path: readonly string[]): void => {
    const identity = `${authored.form} ${authored.span.start} ${authored.span.end}`;
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

/** Whether a string under `root` holds the word, what is under `except` left out. Pure. */
export function mentions(root: Authored, word: RegExp, except: Authored | undefined): boolean {
  let isFound = false;
  walk(root, {
    key: (_name, _key, _path, value) => value !== except && !isFound,
    scalar: ({ value }) => {
      isFound ||= typeof value === 'string' && word.test(value);
    },
  });
  return isFound;
}
