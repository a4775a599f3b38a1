import { describe, expect, it } from 'vitest';
import { childPath, formatPath, iterationPath, parsePath } from '../../schemas/ids.js';

describe('a step path', () => {
  it('names a step in an iteration', () => {
    expect(childPath(iterationPath('rl', 12), 'update')).toBe('rl[12].update');
    expect(childPath('', 'sft')).toBe('sft');
  });

  it.each(['sft', 'rl[12].update', 'outer[0].inner[3].step_2'])('%s reads and writes back', (text) => {
    expect(formatPath(parsePath(text) ?? [])).toBe(text);
  });

  it.each(['', 'Sft', 'rl[].x', 'rl[01].x', 'a..b', 'rl[-1]', 'rl[1'])('%s is refused', (text) => {
    expect(parsePath(text)).toBeNull();
  });
});
