import { describe, expect, it } from 'vitest';
import {
  holds,
  inputsOf,
  iterationScope,
  missingFor,
  rootScope,
  scopeFrom,
  valueOf,
  valuesAt,
} from '../../workflows/scope.js';
import { expr, out, step } from './rig.js';

const made = { $artifact: { key: 'k', output: 'out', type: 'folder' as const } };

describe('a scope', () => {
  it('keeps the type of an expression and joins templates', () => {
    const scope = rootScope({ lr: 0.5, name: 'x' });
    expect(valueOf(expr('params.lr'), scope)).toBe(0.5);
    expect(valueOf({ $template: ['run-', expr('params.name')] }, scope)).toBe('run-x');
    expect(holds(expr('params.lr < 1.0'), scope)).toBe(true);
  });

  it('leaves out an artifact input whose carry is absent, and keeps other nulls', () => {
    const scope = iterationScope(rootScope({}), { at: null }, 0);
    expect(inputsOf({ from: expr('carry.at'), value: null }, scope, (name) => name === 'from')).toEqual({
      value: null,
    });
  });

  it('of an iteration sees the steps around it and its own carry and index', () => {
    const outer = { ...rootScope({}), carry: { other: 1 }, steps: { base: { outputs: { out: made }, metrics: {} } } };
    const scope = iterationScope(outer, { at: made }, 3);
    expect(valueOf(out('base'), scope)).toEqual(made);
    expect(valueOf(expr('iter.index'), scope)).toBe(3);
    expect(() => valueOf(expr('carry.other'), scope)).toThrow('carry.other');
  });

  it('is made again from the values that a loop was given', () => {
    const scope = rootScope({});
    scope.steps['rl'] = { outputs: { policy: made }, metrics: { update: { kl: 0.25 } } };
    const given = valuesAt(['steps.rl.outputs.policy', 'steps.rl.metrics.update.kl'], scope);
    const again = scopeFrom({}, given);
    expect(valueOf(expr('steps.rl.metrics.update.kl * 2.0'), again)).toBe(0.5);
    expect(valueOf(expr('steps.rl.outputs.policy'), again)).toEqual(made);
    expect(() => valuesAt(['steps.rl.outputs.none'], scope)).toThrow('`steps.rl.outputs.none` has no value');
  });

  it('says which skipped step a node misses, unless its else supplies what is read', () => {
    const scope = rootScope({});
    scope.skipped['a'] = 'not today';
    const reader = step({ with: { from: out('a') } });
    expect(missingFor(reader, scope)).toBe('`a` was skipped: not today');
    scope.steps['a'] = { outputs: { out: made }, metrics: {} };
    expect(missingFor(reader, scope)).toBeNull();
    expect(missingFor(step({ with: { value: expr('steps.a.metrics.value') } }), scope)).toBe(
      '`a` was skipped: not today',
    );
  });
});
