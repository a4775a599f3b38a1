// What step kinds refuse, by the table that the compiler and the trainer are tried with, too.
import { describe, expect, it } from 'vitest';
import type { KindInput } from '../../activities/kind.js';
import { refuseCombinations } from '../../activities/refuse-combinations.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import type { StepKind } from '../../schemas/generated/step-kind.js';
import cases from '../fixtures/refusals.json' with { type: 'json' };

/** An artifact or a folder for `@type`, below maps, too. */
function staged(value: unknown): KindInput {
  if (value === '@path') return { path: '/x', digest: 'sha256:0' };
  if (typeof value === 'string' && value.startsWith('@')) return { path: '/x', identity: 'x', type: value.slice(1) };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as KindInput;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, staged(item)]));
}

/** The inputs as they come to a step: with the defaults of the declaration. */
function inputsOf({ inputs }: StepKind, given: Record<string, unknown>): Record<string, KindInput> {
  const defaults = Object.entries(inputs).map(([name, input]) =>
    'artifact' in input ? [name, input.required ? staged(`@${input.artifact}`) : null] : [name, input.default],
  );
  return { ...(Object.fromEntries(defaults) as Record<string, KindInput>), ...(staged(given) as object) };
}

describe('before a step runs', () => {
  it.each(cases)('$kind refuses: $says', ({ kind, wrong, right, says }) => {
    const declaration = stepKinds[kind] as StepKind;
    const start = (given: object) => () => refuseCombinations(declaration, inputsOf(declaration, { ...given }));
    expect(start(wrong)).toThrow(expect.objectContaining({ failureClass: 'config' }));
    expect(start(wrong)).toThrow(says);
    expect(start({ ...wrong, ...right })).not.toThrow();
  });

  it('says all that is wrong, each with its way out', () => {
    const declaration = stepKinds['train.sft'] as StepKind;
    const inputs = inputsOf(declaration, { patience: 2, output: 'best' });
    expect(() => refuseCombinations(declaration, inputs)).toThrow(
      /^`patience` is 2, .*; give `eval_every`, .* leave `patience` out\. `output: best` takes .* leave `output` out\.$/,
    );
  });

  it('lets a value of a wrong type pass to the check of its own', () => {
    const declaration = stepKinds['train.sft'] as StepKind;
    const inputs = inputsOf(declaration, { schedules: { kl_weight: 3 }, patience: 'two' });
    expect(() => refuseCombinations(declaration, inputs)).not.toThrow();
  });
});
