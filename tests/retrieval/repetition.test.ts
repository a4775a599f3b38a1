// The same rows as in the trainer's test of its figure (tests/trainer/test_rollout_figures.py).
import { expect, it } from 'vitest';
import { loopTokens, repetitionTerm } from '../../retrieval/repetition.js';
import loops from '../fixtures/loops.json' with { type: 'json' };

it.each(loops)('a reasoning goes round for $tokens of the tokens $row', ({ row, tokens }) => {
  expect(loopTokens(row)).toBe(tokens);
  expect(repetitionTerm(row)).toBe(row.length === 0 ? 0 : 0 - tokens / row.length);
});
