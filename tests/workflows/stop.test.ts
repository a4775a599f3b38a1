import { describe, expect, it } from 'vitest';
import { createStop } from '../../workflows/stop.js';

describe('a stop', () => {
  it('calls back once, with the first reason, and at once when it comes late', () => {
    const stop = createStop();
    const heard: string[] = [];
    stop.onRequest(() => heard.push('early'));
    stop.request('first');
    stop.request('second');
    stop.onRequest(() => heard.push('late'));
    expect(heard).toEqual(['early', 'late']);
    expect(stop.reason).toBe('first');
  });

  it('forgets who unsubscribes', () => {
    const stop = createStop();
    let calls = 0;
    stop.onRequest(() => (calls += 1))();
    stop.request('now');
    expect(calls).toBe(0);
  });

  it('follows its parent until it is detached, and never the other way round', () => {
    const parent = createStop();
    const [following, detached] = [createStop(parent), createStop(parent)];
    following.onRequest(() => undefined);
    detached.detach();
    createStop(parent).request('only this one');
    expect(parent.isRequested()).toBe(false);
    parent.request('all');
    expect([following.reason, detached.reason]).toEqual(['all', null]);
  });
});
