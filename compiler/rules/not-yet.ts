// not-yet: parts of the language that this version reads but does not run. A warning where the run is right without
// them (a sweep or schedule is started by another command), an error where it would not be.
import { child, childMap } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { isCommand } from '../fields.js';
import type { Rule } from './rule.js';

/** Whether `uses` names a command or another file rather than a step kind. Pure. */
export const isForeign = (uses: string): boolean =>
  uses === 'command' || uses.startsWith('./') || uses.startsWith('../');

export const notYet: Rule = ({ pipeline }) => {
  const { file, root, steps } = pipeline;
  const diagnostics: Diagnostic[] = [];
  for (const key of ['sweep', 'schedule']) {
    const entry = root.entries.get(key);
    if (entry === undefined) continue;
    const hint = 'the pipeline itself runs, once, with the values of its params';
    diagnostics.push(file.warning('not-yet', entry.key, `\`${key}\` is checked but not run yet`, { hint }));
  }
  for (const step of steps) {
    if (step.uses !== null && !isCommand(step) && isForeign(step.uses.name))
      diagnostics.push(file.error('not-yet', step.uses.span, 'inlining another pipeline is not run yet'));
    for (const key of ['matrix', 'shards']) {
      const entry = step.map.entries.get(key);
      if (entry !== undefined)
        diagnostics.push(
          file.error('not-yet', entry.key, `\`${key}\` is not run yet`, { hint: 'write the steps out, one by one' }),
        );
    }
    const commit = child(childMap(step.map, 'loop'), 'commit');
    if (commit?.form === 'scalar' && typeof commit.value === 'number' && commit.value > 1) {
      diagnostics.push(
        file.error('not-yet', commit.span, '`commit` larger than 1 is not run yet', {
          hint: 'write commit: 1, or leave it out',
        }),
      );
    }
  }
  return diagnostics;
};
