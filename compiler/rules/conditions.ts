// not-boolean, text-around-expression: `if`, `until` and assertions; also that the run's metrics are figures.
import { plainValue } from '../authored.js';
import { showValue } from '../scalar-check.js';
import { describeExpressionType, singleExpression } from '../single-expression.js';
import type { Rule } from './rule.js';

export const conditions: Rule = ({ pipeline, fields }) =>
  fields.flatMap((field) => {
    const { expect, label, authored } = field;
    if (expect.is !== 'boolean' && expect.is !== 'figure') return [];
    const code = expect.is === 'boolean' ? 'not-boolean' : 'expression-type';
    const wanted = expect.is === 'boolean' ? 'a boolean expression' : 'a number';
    const single = singleExpression(pipeline.file, field);
    if (single.form === 'around') return [single.diagnostic];
    if (single.form === 'literal') {
      const example =
        expect.is === 'boolean'
          ? '"${{ steps.eval.metrics.ndcg_at_10 > 0.3 }}"'
          : '"${{ steps.eval.metrics.ndcg_at_10 }}"';
      const message = `${label} takes ${wanted}, not ${showValue(plainValue(authored))}`;
      return [pipeline.file.error(code, authored.span, message, { hint: `write e.g. ${example}` })];
    }
    if (single.type === null || single.type.is === 'unknown') return [];
    const fits =
      expect.is === 'boolean' ? single.type.is === 'boolean' : ['number', 'integer'].includes(single.type.is);
    if (fits) return [];
    const hint = expect.is === 'boolean' ? 'compare it with something, e.g. with > or ==' : null;
    return [
      pipeline.file.error(
        code,
        single.span,
        `${label} takes ${wanted}; this is ${describeExpressionType(single.type)}`,
        { hint },
      ),
    ];
  });
