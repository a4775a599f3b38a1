// The result of a case for people: what did not hold, with its line of the test file.
import { sourceFrame, visible } from '../compiler/format-diagnostics.js';
import type { CaseResult } from './run-tests.js';

/** What did not hold, as lines: place and sentence, the source line with a caret, the way out. Empty when it passed. Pure. */
export function failureLines({ failures }: CaseResult, text: string): string[] {
  const lines = text.split('\n');
  return failures.flatMap(({ at, message, hint }) => [
    `${at.file}:${at.line}:${at.column}: ${visible(message)}`,
    ...sourceFrame(at, lines),
    ...(hint === null ? [] : [`  = ${visible(hint)}`]),
  ]);
}
