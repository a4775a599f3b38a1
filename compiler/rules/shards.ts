// not-sharded: `shards` splits only steps whose kind says how.
import type { Rule } from './rule.js';

export const shards: Rule = ({ pipeline: { file, steps, kinds } }) =>
  steps.flatMap((step) => {
    const entry = step.map.entries.get('shards');
    if (entry === undefined || step.kind === null) return [];
    if (step.kind.shards !== undefined) {
      const hint = 'remove it: the step runs as one';
      return [file.error('not-yet', entry.key, '`shards` is not run yet', { hint })];
    }
    const able = Object.values(kinds).filter((kind) => kind.shards !== undefined);
    const hint =
      able.length === 0
        ? 'no step kind can yet; remove it: the step runs as one'
        : `there are ${able
            .map(({ kind }) => `\`${kind}\``)
            .sort()
            .join(', ')}`;
    return [file.error('not-sharded', entry.key, `\`${step.kind.kind}\` cannot be split into shards`, { hint })];
  });
