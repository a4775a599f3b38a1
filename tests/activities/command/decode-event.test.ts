import { describe, expect, it } from 'vitest';
import { decodeCommandEvent } from '../../../activities/command/decode-event.js';

describe('a line of events', () => {
  it.each([
    ['{"type": "progress", "step": 3}', { type: 'progress', id: 'a', step: 3, total: null, text: '' }],
    ['{"type": "metrics", "step": 3, "values": {"loss": NaN, "text": 1}}', { type: 'metrics', id: 'a', step: 3, values: { loss: null, text: 1 }, nonFinite: ['loss'] }],
    ['{"type": "checkpoint", "step": 3}', { type: 'checkpoint', id: 'a', step: 3, path: '3' }],
    ['{"type": "log", "message": "NaN \\" Infinity"}', { type: 'log', id: 'a', level: 'info', message: 'NaN " Infinity' }],
    ['{"type": "done", "metrics": {"loss": -Infinity}}', { type: 'done', id: 'a', metrics: { loss: null }, seconds: 0, figures: {} }],
    ['{"type": "failed", "message": "no", "id": "theirs"}', { type: 'failed', id: 'a', class: 'trainer_crash', message: 'no', details: {}, traceback: null }],
  ])('%s', (line, event) => {
    expect(decodeCommandEvent(line, 'a')).toEqual({ event });
  }); // prettier-ignore

  it.each([
    ['loss 0.3', 'it is not JSON'],
    ['[1]', 'it is no JSON object'],
    ['{"type": "ready"}', 'its `type` is none of progress, metrics, checkpoint, log, done, failed'],
    ['{"type": "progress"}', "it must have required property 'step'"],
    ['{"type": "metrics", "step": 1.5, "values": {}}', '/step must be integer'],
    ['{"type": "failed", "message": "x", "class": "bad"}', '/class must be equal to one of the allowed values'],
  ])('%s is none', (line, problem) => {
    expect(decodeCommandEvent(line, 'a')).toEqual({ problem });
  });
});
