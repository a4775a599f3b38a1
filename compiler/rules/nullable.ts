// may-be-absent: an expression computes with a value that may be null: of a baseline that there may not be, or of a carry
// without `init`.
import { unguarded } from '../../expressions/null-guards.js';
import { typeOf } from '../analysed-field.js';
import { spanIn } from '../text-value.js';
import type { Rule } from './rule.js';

export const nullable: Rule = ({ pipeline: { file }, fields }) =>
  fields.flatMap(({ parts }) =>
    parts.flatMap((analysed) => {
      const { part, type } = analysed;
      if (part.parsed === null || type === null) return [];
      const found = unguarded(part.parsed, (reference) => typeOf(analysed, reference).optional);
      return found.map((reference) => {
        const why =
          reference.path[0] === 'baseline'
            ? 'a run may have no baseline, or one that did not measure it'
            : 'it is absent at iteration 0';
        const message = `\`${reference.text}\` may be null here: ${why}`;
        const hint = `say what then: \`${reference.text} == null || …\`, or \`${reference.text} == null ? … : …\``;
        return file.error('may-be-absent', spanIn(part, reference), message, { hint });
      });
    }),
  );
