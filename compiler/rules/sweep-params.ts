// sweep-param-unknown: what a sweep varies is a param of the pipeline.
import { childMap } from '../authored.js';
import { suggest } from '../did-you-mean.js';
import { sweptParams } from '../sweep.js';
import type { Rule } from './rule.js';

export const sweepParams: Rule = ({ pipeline }) =>
  sweptParams(pipeline).flatMap(({ name, key, param }) => {
    if (param !== null) return [];
    const known = [...(childMap(pipeline.root, 'params')?.entries.keys() ?? [])];
    const hint = suggest(name, known) ?? `declare it: params: { ${name}: { type: number, default: … } }`;
    const message = `the sweep varies \`${name}\`, and there is no such param`;
    return [pipeline.file.error('sweep-param-unknown', key, message, { hint })];
  });
