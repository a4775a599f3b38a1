import { describe, expect, it } from 'vitest';
import { detailsOf } from '../../workflows/details.js';
import { beginState, showLevel, update } from '../../workflows/state.js';
import { countingLoop, step } from './rig.js';

const about = { workflowId: 'pipe/run', runId: 'r', pipeline: 'pipe', planHash: 'sha256:0' };

describe('the current details', () => {
  it('list what runs, what failed with its hint, and the loops with links', () => {
    const state = beginState(about, 0);
    showLevel(state, { a: step(), b: step(), rl: countingLoop() }, '', null);
    update(state, 'a', { state: 'running', reason: 'never | made' });
    const failure = { path: 'b', class: 'oom' as const, message: 'too\nbig', hint: 'Lower the batch.' };
    state.failures = [failure];
    update(state, 'b', { state: 'failed', failure, seconds: 2, endedAt: 5, metrics: { loss: 0.123456 } });
    state.loops = { rl: { path: 'rl', workflowId: 'pipe/run/rl', max: 3, state: 'running' } };
    expect(detailsOf(state)).toBe(
      [
        '**pipe** · running · 1 running, 1 failed, 1 pending',
        '',
        '- **b** failed [oom]: too big Lower the batch.',
        '',
        '| step | kind | state | seconds | metrics |',
        '|---|---|---|---|---|',
        '| a | test.work | running: never \\| made |  |  |',
        '| b | test.work | failed | 2.0 | loss 0.1235 |',
        '',
        '- loop **rl** (running): workflow [pipe/run/rl](../workflows/pipe%2Frun%2Frl)',
      ].join('\n'),
    );
  });

  it('stay below what the server takes, however wide the pipeline', () => {
    const state = beginState(about, 0);
    const names = Array.from({ length: 500 }, (_, index) => `step_${index}`);
    showLevel(state, Object.fromEntries(names.map((name) => [name, step()])), '', null);
    for (const name of names) update(state, name, { state: 'running', reason: 'x'.repeat(500) });
    expect(new TextEncoder().encode(detailsOf(state)).length).toBeLessThan(20_000);
  });

  it('keep the last twenty steps that ended', () => {
    const state = beginState(about, 0);
    for (let index = 0; index < 30; index += 1) {
      showLevel(state, { work: step() }, `rl[${index}]`, index);
      update(state, `rl[${index}].work`, { state: 'done' });
    }
    expect(state.recent.map(({ path }) => path).slice(0, 2)).toEqual(['rl[29].work', 'rl[28].work']);
    expect(state.recent).toHaveLength(20);
  });
});
