// not-yet: parts of the language that this version reads but does not run. A warning where the run is right without
// them (a sweep or schedule is started by another command), an error where it would not be.
import type { Diagnostic } from '../diagnostics.js';
import type { Rule } from './rule.js';

/** Sections that other commands start: key, fact, what happens instead. */
const runOnce: readonly [key: string, fact: string, hint: string][] = [
  [
    'sweep',
    'the trials of a sweep are not run yet',
    '`pawl run` runs the pipeline once, with the values of its params',
  ],
  ['schedule', 'a schedule does not start runs yet', '`pawl run` runs the pipeline once, now'],
];

export const notYet: Rule = ({ pipeline }) => {
  const { file, root } = pipeline;
  const diagnostics: Diagnostic[] = [];
  for (const [key, fact, hint] of runOnce) {
    const entry = root.entries.get(key);
    if (entry !== undefined) diagnostics.push(file.warning('not-yet', entry.key, fact, { hint }));
  }
  return diagnostics;
};
