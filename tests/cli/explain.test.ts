import { describe, expect, it } from 'vitest';
import { explanationOf, listOfCodes } from '../../cli/commands/explain.js';
import { diagnosticCodes } from '../../compiler/diagnostics.js';

describe('pawl explain', () => {
  it('lists every code on a line', () => {
    const lines = listOfCodes();
    for (const code of diagnosticCodes) expect(lines.filter((line) => line.startsWith(`${code} `))).toHaveLength(1);
  });

  it('explains a code with a wrong example, what is said about it, and a right one', () => {
    const lines = explanationOf('cycle');
    expect(lines[0]).toBe('cycle (error): Steps that wait for each other');
    expect(lines.every((line) => line.startsWith('    ') || line.length <= 100)).toBe(true);
    expect(lines).toContain(
      '    cycle-three.yaml:6:3: steps wait for each other: `a` waits for `c` waits for `b` waits for `a` [cycle]',
    );
    expect(lines.indexOf('Wrong:')).toBeLessThan(lines.indexOf('Right:'));
  });

  it('takes a code as messages show it', () => {
    expect(explanationOf('[not-yet]')).toEqual(explanationOf('not-yet'));
  });

  it('names the nearest code for a misspelt one', () => {
    expect(() => explanationOf('unknown-kid')).toThrow('there is no code `unknown-kid`. Did you mean `unknown-kind`?');
    expect(() => explanationOf('E1234')).toThrow('there is no code `E1234`. `pawl explain` lists all.');
  });
});
