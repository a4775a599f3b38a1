// sweep-metric-unknown: trials are compared by a metric of the run.
import { child, childMap } from '../authored.js';
import { suggest } from '../did-you-mean.js';
import type { Rule } from './rule.js';

export const sweepMetric: Rule = ({ pipeline: { file, root } }) => {
  const name = child(childMap(childMap(root, 'sweep'), 'metric'), 'name');
  if (name?.form !== 'scalar' || typeof name.value !== 'string') return [];
  const known = [...(childMap(root, 'metrics')?.entries.keys() ?? [])];
  if (known.includes(name.value)) return [];
  const hint =
    suggest(name.value, known) ?? `hand it out: metrics: { ${name.value}: "\${{ steps.<step>.metrics.<metric> }}" }`;
  const message = `the run has no metric \`${name.value}\``;
  return [file.error('sweep-metric-unknown', name.span, message, { hint })];
};
