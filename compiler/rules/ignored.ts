// ignored-key: keys of an inlined file that count only when the file is run by itself.
import type { Rule } from './rule.js';

const keys = ['seed', 'sweep', 'schedule', 'notify'];

export const ignored: Rule = ({ pipeline: { file, units } }) =>
  units.flatMap(({ by, root }) =>
    keys.flatMap((key) => {
      const entry = root.entries.get(key);
      if (by === null || entry === undefined) return [];
      const hint = 'it counts when the file is run by itself; here, what the pipeline says holds';
      return [file.warning('ignored-key', entry.key, `\`${key}\` of an inlined file is ignored`, { hint })];
    }),
  );
