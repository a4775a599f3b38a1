// not-shared: a step asks for several GPUs, and its kind has use for one. `defaults` ask for all steps alike, so only what the
// step itself says counts.
import { child, childMap, childNumber } from '../authored.js';
import type { Rule } from './rule.js';

export const notShared: Rule = ({ pipeline: { file, steps, kinds } }) =>
  steps.flatMap(({ kind, map, name }) => {
    const resources = childMap(map, 'resources');
    const gpus = childNumber(resources, 'gpus');
    if (gpus === undefined || gpus < 2 || kind === null || kind.shared === true) return [];
    const able = Object.values(kinds).filter(
      ({ kind: other, shared }) => shared === true && !other.startsWith('test.'),
    );
    const names = able.map((other) => `\`${other.kind}\``).sort();
    const message = `\`${name}\` asks for ${gpus} GPUs, and \`${kind.kind}\` is done by one process`;
    const hint = `several share the work of ${names.join(', ')}`;
    return [file.error('not-shared', child(resources, 'gpus')?.span ?? map.span, message, { hint })];
  });
