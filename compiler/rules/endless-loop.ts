// endless-loop: a loop whose `until` can never change its mind. (One without `max` is found by structure.ts.)
import { child, childMap } from '../authored.js';
import type { Rule } from './rule.js';

export const endlessLoop: Rule = ({ pipeline: { file, steps }, fieldsOf }) =>
  steps.flatMap((step) => {
    const until = child(childMap(step.map, 'loop'), 'until');
    const field = fieldsOf.get(step)?.find(({ authored }) => authored === until);
    if (field === undefined || field.parts.length === 0) return [];
    const isSound = field.parts.every(({ type }) => type !== null);
    const changes = field.parts.some(({ resolutions }) =>
      resolutions.some(({ reference: { path }, resolution }) => {
        const isInside = resolution.ok && resolution.target !== null && resolution.target.scope === step.inner;
        return path[0] === 'carry' || path[0] === 'iter' || isInside;
      }),
    );
    if (!isSound || changes) return [];
    const message = `\`until\` of \`${step.name}\` reads nothing that changes from iteration to iteration`;
    const hint = 'read a metric of a step in the loop, or leave `until` out: then the loop ends at `max`';
    return [file.error('endless-loop', field.authored.span, message, { hint })];
  });
