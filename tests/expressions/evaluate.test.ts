import { describe, expect, it } from 'vitest';
import { ExpressionError, evaluateExpression, evaluateValue } from '../../expressions/evaluate.js';

const model = { $artifact: { key: 'a'.repeat(64), output: 'model', type: 'model' } };
const context = {
  params: { lr: 1e-6, n: 5, name: 'tiny', seeds: [3, 4], big: 2 ** 52 },
  iter: { index: 19 },
  carry: { policy: model, state: null },
  steps: { sft: { outputs: { model }, metrics: { loss: 0.25, recall: null } } },
};
const failure = (source: string): ExpressionError => {
  try {
    evaluateExpression(source, context);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`${source} did not fail`);
};

describe('an expression', () => {
  it('passes an artifact through unchanged', () => {
    expect(evaluateExpression('steps.sft.outputs.model', context)).toBe(model);
    expect(evaluateExpression('iter.index > 3 ? steps.sft.outputs.model : carry.policy', context)).toEqual(model);
  });

  it('passes an absent carry through as null', () => {
    expect(evaluateExpression('carry.state', context)).toBeNull();
    expect(evaluateExpression('carry.state == null', context)).toBe(true);
  });

  it.each([
    ['iter.index % 10 == 9', true],
    ['params.n + 1', 6],
    ['params.n * params.lr', 5 * 1e-6],
    ['2 + 0.5', 2.5],
    ['7 / 2', 3],
    ['int(params.n) / 2', 2],
    ['params.name + "-" + string(params.n)', 'tiny-5'],
    ['params.seeds.map(s, s + 1)', [4, 5]],
    ['size(params.seeds)', 2],
    ['steps.sft.metrics.loss < 0.3 && params.n in [5, 6]', true],
    ['params["lr"]', 1e-6],
  ])('%s is %j', (source, value) => {
    expect(evaluateExpression(source, context)).toEqual(value);
  });

  it('refuses a whole number that JSON cannot hold', () => {
    expect(failure('9007199254740993').message).toContain('outside ±(2^53 - 1)');
    expect(failure('int(params.big) * 4').message).toContain('outside ±(2^53 - 1)');
  });

  it('refuses an infinite result', () => {
    expect(failure('params.n / 0').message).toContain('not a finite number');
  });

  it('says which reference was null when types do not fit', () => {
    expect(failure('steps.sft.metrics.recall > 0.2').message).toBe(
      'the types do not fit: null > number (`steps.sft.metrics.recall` is null: absent, not measured or not finite)',
    );
  });

  it('says what is missing and where', () => {
    const error = failure('1 + params.nope');
    expect(error.message).toBe('`params.nope` has no value: `params` holds no `nope`');
    expect([error.start, error.end]).toEqual([4, 15]);
    expect(failure('params.constructor').message).toContain('holds no `constructor`');
  });

  it('refuses regular expressions and functions it does not know', () => {
    expect(failure('params.name.matches("a")').message).toContain('`matches` is refused');
    expect(failure('now()').message).toContain('there is no function `now`');
  });

  it('gives the offsets of a syntax error', () => {
    const error = failure('1 +');
    expect([error.message, error.start]).toEqual(['the expression ends too early', 3]);
  });
});

describe('a value of a plan', () => {
  it('evaluates expressions wherever they are and leaves files alone', () => {
    const file = { $file: { path: 'a.jsonl', digest: 'sha256:00', bytes: 3, folder: false } };
    expect(
      evaluateValue({ a: [{ $expr: 'params.n' }, 'x'], b: { c: { $expr: 'carry.policy' } }, file }, context),
    ).toEqual({ a: [5, 'x'], b: { c: model }, file });
  });

  it('joins scalars into text', () => {
    expect(evaluateValue({ $template: ['n=', { $expr: 'params.n' }, ', ', { $expr: 'params.lr' }] }, context)).toBe(
      'n=5, 0.000001',
    );
  });

  it('refuses an artifact or null inside text', () => {
    expect(() => evaluateValue({ $template: ['m=', { $expr: 'carry.policy' }] }, context)).toThrow(
      '`carry.policy` is an artifact',
    );
    expect(() => evaluateValue({ $template: ['m=', { $expr: 'carry.state' }] }, context)).toThrow(
      '`carry.state` is null',
    );
  });
});
