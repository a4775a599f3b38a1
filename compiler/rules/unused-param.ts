// unused-param (warning): a param that nothing reads.
import { child } from '../authored.js';
import { mentions } from '../walk.js';
import type { Rule } from './rule.js';

export const unusedParam: Rule = ({ pipeline: { file, units } }) =>
  units.flatMap(({ root, params }) =>
    [...params.values()].flatMap(({ name, key }) => {
      // As text, so that it counts wherever it stands, also in an expression that is wrong.
      const read = new RegExp(`\\bparams\\s*(?:\\.\\s*${name}\\b|\\[\\s*["']${name}["'])`);
      if (mentions(root, read, child(root, 'params'))) return [];
      const hint = `read it as \${{ params.${name} }}, or remove it`;
      return [file.warning('unused-param', key, `nothing reads the param \`${name}\``, { hint })];
    }),
  );
