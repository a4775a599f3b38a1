// Which of several diagnostics about one thing are left out: the one that says more stays.
import type { Diagnostic } from './diagnostics.js';

const placeOf = ({ at }: Diagnostic): string => `${at.file}:${at.line}:${at.column}`;

const errorPlaces = (found: readonly Diagnostic[]): Set<string> =>
  new Set(found.filter(({ severity }) => severity === 'error').map(placeOf));

/** What the schema says about a value on which a rule is more exact is left out. Pure. */
export function withoutEchoes(ofSchema: readonly Diagnostic[], ofRules: readonly Diagnostic[]): Diagnostic[] {
  const exact = errorPlaces(ofRules);
  const isAboutValue = ({ code }: Diagnostic): boolean =>
    ['wrong-type', 'out-of-range', 'bad-name', 'bad-value'].includes(code);
  return ofSchema.filter((item) => !isAboutValue(item) || !exact.has(placeOf(item)));
}

/** Without warnings that an error explains: how other readers read a wrong value, and what is unused as the file stands. Pure. */
export function withoutNoise(found: readonly Diagnostic[]): Diagnostic[] {
  const wrong = errorPlaces(found);
  return found.filter((item) => {
    if (item.code === 'unused-param' || item.code === 'unused-step') return wrong.size === 0;
    return item.code !== 'yaml-1-1' || !wrong.has(placeOf(item));
  });
}
