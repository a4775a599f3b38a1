import { describe, expect, it } from 'vitest';
import { checkExpression, lowerExpression } from '../../expressions/check.js';
import type { ExpressionType } from '../../expressions/check.js';
import { evaluateExpression } from '../../expressions/evaluate.js';
import { parseExpression } from '../../expressions/parse.js';
import type { Reference } from '../../expressions/parse.js';

const types: Record<string, ExpressionType> = {
  'params.n': { is: 'integer', optional: false },
  'params.lr': { is: 'number', optional: false },
  'params.seeds': { is: 'list', optional: false },
  'steps.sft.outputs.model': { is: 'artifact', artifact: 'model', optional: false },
  'carry.state': { is: 'artifact', artifact: 'trainer-state', optional: true },
  'carry.policy': { is: 'artifact', artifact: 'model', optional: false },
};
const typeOf = ({ text }: Reference): ExpressionType => types[text] ?? { is: 'unknown', optional: false };
const check = (source: string): ExpressionType => checkExpression(parseExpression(source), typeOf);
const lower = (source: string): string => lowerExpression(parseExpression(source), typeOf);

describe('the type of an expression', () => {
  it.each([
    ['params.n + 1', 'integer'],
    ['params.n / 2', 'integer'],
    ['params.n * params.lr', 'number'],
    ['params.lr + 1', 'number'],
    ['params.lr > 1 && params.n % 2 == 0', 'boolean'],
    ['"a" + string(params.n)', 'string'],
    ['[1, 2]', 'list'],
    ['params.seeds[0]', 'unknown'],
    ['carry.state == null', 'boolean'],
  ])('%s is %s', (source, is) => {
    expect(check(source).is).toBe(is);
  });

  it('keeps the type of an artifact, and that it may be absent', () => {
    expect(check('carry.state')).toEqual({ is: 'artifact', artifact: 'trainer-state', optional: true });
    expect(check('params.n > 1 ? steps.sft.outputs.model : carry.policy')).toMatchObject({ artifact: 'model' });
  });

  it.each([
    ['"a" + 1', 'the types do not fit: string + integer'],
    ['steps.sft.outputs.model > 1', 'the types do not fit: model artifact > integer'],
    ['!params.n', 'the types do not fit: !integer'],
  ])('%s fails', (source, message) => {
    expect(() => check(source)).toThrow(message);
  });
});

describe('the source that a plan carries', () => {
  it('divides whole numbers as whole numbers', () => {
    expect(lower('params.n / 2 == params.n')).toBe('int(params.n) / 2 == int(params.n)');
    expect(evaluateExpression(lower('params.n / 2'), { params: { n: 5 } })).toBe(2);
    expect(evaluateExpression(lower('params.lr / 2'), { params: { lr: 1 } })).toBe(0.5);
    expect(evaluateExpression(lower('params.seeds[params.n]'), { params: { n: 1, seeds: [7, 8] } })).toBe(8);
  });

  it('stays as it was written otherwise', () => {
    expect(lower('params.n % 10 == 9')).toBe('params.n % 10 == 9');
    expect(lower('params.lr')).toBe('params.lr');
  });
});
