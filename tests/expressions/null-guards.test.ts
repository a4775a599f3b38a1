import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateValue, type Context } from '../../expressions/evaluate.js';
import { unguarded } from '../../expressions/null-guards.js';
import { parseExpression } from '../../expressions/parse.js';
import type { Plan } from '../../schemas/generated/plan.js';

const found = (source: string): string[] =>
  unguarded(parseExpression(source), ({ path }) => path[0] === 'maybe').map(({ text, start }) => `${text}@${start}`);

describe('unguarded', () => {
  it.each([
    'maybe.x == null || maybe.x > 1.0',
    'null == maybe.x || maybe.x > 1.0',
    'maybe.x != null && maybe.x > 1.0 && maybe.x < 2.0',
    'maybe.x == null ? 0.0 : maybe.x',
    'maybe.x != null ? maybe.x : 0.0',
    '!(maybe.x == null) && maybe.x > 1.0',
    '!(maybe.x != null && steps.a > 0.0) || maybe.x > 1.0',
    'maybe.x == null || maybe.y == null || maybe.x > maybe.y',
    '(maybe.x == null || maybe.y == null) ? true : maybe.x > maybe.y',
    'steps.a > 1.0',
    'maybe.x',
  ])('finds nothing in %s', (source) => {
    expect(found(source)).toEqual([]);
  });

  it.each([
    ['maybe.x > 1.0', ['maybe.x@0']],
    ['steps.a > 1.0 || maybe.x > 1.0', ['maybe.x@17']],
    ['maybe.x != null || maybe.x > 1.0', ['maybe.x@19']],
    ['maybe.x == null && maybe.x > 1.0', ['maybe.x@19']],
    ['maybe.x > 1.0 || maybe.x == null', ['maybe.x@0']],
    ['maybe.x == null ? maybe.x : 1.0', ['maybe.x@18']],
    ['maybe.x == null || maybe.y > 1.0', ['maybe.y@19']],
    ['(maybe.x == null && maybe.y == null) || maybe.x > maybe.y', ['maybe.x@40', 'maybe.y@50']],
    ['[1.0].map(i, i + maybe.x)', ['maybe.x@17']],
  ])('finds what is used in %s', (source, expected) => {
    expect(found(source)).toEqual(expected);
  });
});

describe('a baseline in a plan', () => {
  const plan = JSON.parse(readFileSync(join(import.meta.dirname, '../golden/ok/baseline.plan.json'), 'utf8')) as Plan;
  const context = (value: number): Context => ({ steps: { a: { metrics: { value } } } });
  const { a, b, gate } = plan.steps;

  it('is evaluated as the constants that it holds, null where it measured nothing', () => {
    if (a?.node !== 'step' || b?.node !== 'step' || gate?.node !== 'gate') throw new Error('other steps');
    expect(evaluateValue(a.with, {})).toMatchObject({ value: 1 });
    expect(b.if === null ? null : evaluateValue(b.if, {})).toBe(false);
    const holds = (value: number): unknown[] =>
      gate.assert.map(({ expression }) => evaluateValue(expression, context(value)));
    expect(holds(0.31)).toEqual([true, true, true]);
    expect(holds(0.29)).toEqual([false, true, true]);
    expect(holds(-0.6)).toEqual([false, false, true]);
    expect(evaluateValue(plan.metrics, {})).toEqual({ before: 0.31 });
  });
});
