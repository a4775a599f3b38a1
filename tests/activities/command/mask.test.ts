import { describe, expect, it } from 'vitest';
import { createMask, maskedLines } from '../../../activities/command/mask.js';

/** What is handed on of a text that comes in chunks of `size` bytes. */
function through(secrets: string[], text: string, size: number): string[] {
  const lines: string[] = [];
  const masked = maskedLines(createMask(secrets), (line) => lines.push(line));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) masked.write(bytes.subarray(at, at + size));
  masked.end();
  return lines;
}

describe('secrets', () => {
  it('are replaced wherever the stream is cut', () => {
    for (const size of [1, 3, 7, 1000])
      expect(through(['hf_tökén'], 'a hf_tökén\nb\rhf_tökénhf_tökén', size)).toEqual(['a ***\n', 'b\n', '******\n']);
  });

  it('of several lines are found line by line, the longer first', () => {
    expect(through(['-----KEY\nabcdef\n', 'abcd'], '-----KEY\nabcdef abcd', 5)).toEqual(['***\n', '*** ***\n']);
  });

  it('that are too short to be any leave the text alone', () => {
    expect(createMask(['1', 'on', ''])('1 is on')).toBe('1 is on');
  });

  it('in a line without an end are found, and the line is handed on in parts', () => {
    const text = `${'x'.repeat(100_000)}s3cret${'y'.repeat(100_000)}`;
    const lines = through(['s3cret'], text, 65_537);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join('')).toBe(`${'x'.repeat(100_000)}***${'y'.repeat(100_000)}\n`);
  });
});
