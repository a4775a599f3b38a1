import { expect, it } from 'vitest';
import { formatDiagnostic } from '../../compiler/format-diagnostics.js';
import { makeSourceFile } from '../../compiler/source-file.js';

it('puts the caret under the place, tabs and long lines included', () => {
  const text = `a:\tb\r\n${'x'.repeat(200)}here`;
  const file = makeSourceFile('f.yaml', text);
  expect(formatDiagnostic(file.error('wrong-type', { start: 3, end: 4 }, 'no'), file.texts())).toBe(
    ['f.yaml:1:4: no [wrong-type]', '  1 | a:\tb', '    |   \t^'].join('\n'),
  );
  const far = formatDiagnostic(
    file.error('wrong-type', { start: 206, end: 210 }, 'no', { hint: 'yes' }),
    file.texts(),
  ).split('\n');
  expect(far[0]).toBe('f.yaml:2:201: no [wrong-type]');
  expect(far[2]?.indexOf('^')).toBe(far[1]?.indexOf('here'));
  expect(far[3]).toBe('  = yes');
});

it('marks a warning', () => {
  const file = makeSourceFile('f.yaml', 'a');
  expect(formatDiagnostic(file.warning('not-yet', { start: 0, end: 1 }, 'later'), file.texts())).toContain(
    'f.yaml:1:1: warning: later [not-yet]',
  );
});
