// unused-param (warning): a param that nothing reads.
import { child } from '../authored.js';
import type { AuthoredMap } from '../authored.js';
import { walk } from '../walk.js';
import type { Rule } from './rule.js';

export const unusedParam: Rule = ({ pipeline: { file, units } }) =>
  units.flatMap(({ root, params }) => {
    const read = paramsRead(root);
    return [...params.values()].flatMap(({ name, key }) => {
      if (read.has(name)) return [];
      const hint = `read it as \${{ params.${name} }}, or remove it`;
      return [file.warning('unused-param', key, `nothing reads the param \`${name}\``, { hint })];
    });
  });

const reading = /\bparams\s*(?:\.\s*(\w+)|\[\s*(?:"([^"]*)"|'([^']*)'))/g;

/** As text, so that a param counts wherever it stands, also in an expression that is wrong. */
function paramsRead(root: AuthoredMap): Set<string> {
  const found = new Set<string>();
  const declarations = child(root, 'params');
  walk(root, {
    key: (_name, _key, _path, value) => value !== declarations,
    scalar: ({ value }) => {
      if (typeof value !== 'string' || !value.includes('params')) return;
      for (const [, dotted, double, single] of value.matchAll(reading)) found.add(dotted ?? double ?? single ?? '');
    },
  });
  return found;
}
