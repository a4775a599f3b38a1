import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeJob, lineSplitter, maxLineBytes } from '../../../activities/engine/protocol.js';

describe('the lines of the protocol', () => {
  it('carry one job each', () => {
    expect(encodeJob({ type: 'cancel', id: 'a\nb', checkpoint: true })).toBe(
      '{"type":"cancel","id":"a\\nb","checkpoint":true}\n',
    );
  });

  it.each([
    ['loss = 0.5', 'it is not JSON'],
    ['{"type":"surprise"}', 'it is no event'],
    ['{"type":"progress","id":"a","step":"one","total":null,"text":""}', '/step must be integer'],
    ['{"type":"ready","protocol":7,"pid":1,"provenance":{}}', 'it speaks protocol 7, and this worker speaks 1'],
  ])('%s is no event: %s', (line, problem) => {
    expect(decodeEvent(line)).toEqual({ problem: expect.stringContaining(problem) as string });
  });

  it('are put together from pieces, also within a character', () => {
    const lines: string[] = [];
    const feed = lineSplitter((line) => lines.push(line));
    const bytes = Buffer.from('{"a":"é"}\n\n{"b":1}\n{"c"');
    for (const byte of bytes) feed(Buffer.from([byte]));
    expect(lines).toEqual(['{"a":"é"}', '{"b":1}']);
  });

  it('end by themselves when they would fill the memory', () => {
    const lines: string[] = [];
    const feed = lineSplitter((line) => lines.push(line));
    for (let sent = 0; sent <= maxLineBytes; sent += 2 ** 20) feed(Buffer.alloc(2 ** 20, 97));
    expect(lines).toHaveLength(1);
  });
});
