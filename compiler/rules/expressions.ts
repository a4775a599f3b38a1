// expression-syntax, expression-type: an expression that does not parse, or whose parts do not fit each other.
import { spanIn } from '../text-value.js';
import type { Rule } from './rule.js';

export const expressions: Rule = ({ pipeline, fields }) =>
  fields.flatMap(({ parts }) =>
    parts.flatMap(({ part, typeError }) => {
      if (part.error !== null)
        return [pipeline.file.error('expression-syntax', spanIn(part, part.error), part.error.message)];
      if (typeError !== null)
        return [pipeline.file.error('expression-type', spanIn(part, typeError), typeError.message)];
      return [];
    }),
  );
