// Every value of an authored tree, once: what aliases bring in stands in one place of the file.
import type { Authored, AuthoredScalar, Span } from './authored.js';

/** The paths are good during the call only. */
export interface Visit {
  /** Called for each scalar with the names above it. */
  scalar?(scalar: AuthoredScalar, path: readonly string[]): void;
  /** Called for each key of a map, before what is under it; false leaves that out. */
  key?(name: string, key: Span, path: readonly string[], value: Authored): boolean;
}

/** Visits a tree in reading order. Pure, as far as `visit` is. */
export function walk(root: Authored, visit: Visit): void {
  const seen = new Set<number>();
  const path: string[] = [];
  const go = (authored: Authored): void => {
    const identity = identityOf(authored);
    if (seen.has(identity)) return;
    seen.add(identity);
    if (authored.form === 'scalar') visit.scalar?.(authored, path);
    else if (authored.form === 'list') authored.items.forEach(go);
    else
      for (const [name, { key, value }] of authored.entries) {
        if (visit.key?.(name, key, path, value) === false) continue;
        path.push(name);
        go(value);
        path.pop();
      }
  };
  go(root);
}

/** Where it begins and its form as one small number: two values of one form do not begin in one place. */
function identityOf({ form, span }: Authored): number {
  return span.start * 4 + (form === 'scalar' ? 0 : form === 'list' ? 1 : 2);
}
