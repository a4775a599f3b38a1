// pawl bisect: which metric is meant, what counts as bad, and what is said.
import { describe, expect, it } from 'vitest';
import { bisectLines, questionOf, recordedAs } from '../../cli/commands/bisect.js';
import { indexRanges } from '../../cli/loop-history.js';
import { wentBad } from '../../planning/went-bad.js';

const history = (loop: string, list: (number | null | undefined)[]) => ({
  loop,
  key: 'k',
  iterations: list.map((value, index) => ({
    index,
    metrics: value === undefined ? {} : { dev: { ndcg: value } },
    restorable: index % 2 === 1,
  })),
});
const rl = history('rl', [0.9, undefined, 0.8, 0.3, 0.85, 0.2, 0.1]);

describe('the metric', () => {
  it('is named with or without its loop, and has a value where its step ran', () => {
    for (const name of ['rl.dev.ndcg', 'dev.ndcg', 'steps.dev.metrics.ndcg']) {
      const { name: full, points } = recordedAs('pipe/one', [rl], name);
      expect([full, points.map(({ index }) => index)]).toEqual(['rl.dev.ndcg', [0, 2, 3, 4, 5, 6]]);
    }
  });

  it('that is not recorded is refused with what is', () => {
    expect(() => recordedAs('pipe/one', [rl], 'dev.ndgc')).toThrow(
      'pipe/one has recorded no metric `dev.ndgc`: did you mean `dev.ndcg`? Recorded: rl.dev.ndcg.',
    );
    expect(() => recordedAs('pipe/one', [], 'x')).toThrow('pipe/one has recorded no iteration of a loop: it has none.');
  });

  it('of several loops has to be named with its loop', () => {
    expect(() => recordedAs('pipe/one', [rl, history('other', [1])], 'dev.ndcg')).toThrow(
      'name one of rl.dev.ndcg, other.dev.ndcg',
    );
  });
});

describe('what is bad', () => {
  const { points } = recordedAs('pipe/one', [rl], 'dev.ndcg');

  it('is said by a bound, by two iterations, or taken from the first and the last', () => {
    expect(questionOf(points, { below: 0.5 }).points.filter(({ value }) => (value ?? 0) < 0.5)).toHaveLength(3);
    expect(questionOf(points, { above: 0.5 }).isBad(0.6)).toBe(true);
    const two = questionOf(points, { good: 2, bad: 5 });
    expect([two.points.map(({ index }) => index), two.isBad(0.49), two.isBad(0.51)]).toEqual([
      [2, 3, 4, 5],
      true,
      false,
    ]);
    expect(questionOf(points, {}).words).toBe('nearer to 0.1 (iteration 6) than to 0.9 (iteration 0)');
  });

  it('is refused where it says nothing', () => {
    expect(() => questionOf(points, { below: 1, good: 2 })).toThrow('said once');
    expect(() => questionOf(points, { good: 1 })).toThrow(
      '--good 1: that iteration has not recorded it. Those that have: 0, 2-6.',
    );
    expect(() => questionOf(points, { good: 5, bad: 2 })).toThrow('must come before');
  });
});

describe('the answer', () => {
  const answered = (list: (number | null)[], below: number) => {
    const { points, name } = recordedAs('pipe/one', [history('rl', list)], 'dev.ndcg');
    const { words, isBad } = questionOf(points, { below });
    const answer = wentBad(points, isBad);
    const kept = [1, 3];
    const before = kept.filter((index) => index <= (answer.good?.index ?? -1)).at(-1) ?? null;
    return bisectLines({ workflowId: 'pipe/one', name, loop: 'rl', points, words, answer, kept, before }).slice(1);
  };

  it('names the iteration, and the kept one to go back to', () => {
    expect(answered([0.9, 0.8, 0.7, 0.2], 0.5)).toEqual([
      'It went bad at iteration 3 (0.2); good was iteration 2 (0.7).',
      "Kept before it: rl[1]. `pawl fork 'pipe/one@rl[1]' --set …` goes on from there.",
    ]);
  });

  it('says what is not monotonic, and that nothing is kept', () => {
    expect(answered([0.9, 0.2, 0.9, 0.1, 0.9], 0.5)).toContain('Not monotonic: it is good again at the end.');
    expect(answered([0.9, 0.2, 0.9, 0.1], 0.5)).toContain('Not monotonic: it was bad before, at 1, and recovered.');
    expect(answered([0.9, null], 0.5)).toEqual([
      'It went bad at iteration 1 (no number); good was iteration 0 (0.9).',
      'No iteration before it is kept. Kept: 1, 3.',
    ]);
    expect(answered([0.9, 0.9], 0.5)).toEqual(['It is good throughout.']);
    expect(answered([0.1], 0.5)[0]).toBe('It is bad from the first value on: iteration 0 (0.1).');
  });

  it('writes many indices as ranges', () => {
    expect([indexRanges([]), indexRanges([0, 1, 2, 5, 7, 8])]).toEqual(['none', '0-2, 5, 7-8']);
  });
});
