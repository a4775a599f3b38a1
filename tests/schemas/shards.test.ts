import { describe, expect, it } from 'vitest';
import type { Node, PlanKind } from '../../schemas/generated/plan.js';
import { hasShards, shardInputs } from '../../schemas/shards.js';

const number = { artifact: null, required: true, checkpointKey: true };
const kind = { inputs: { batch: number, shard: number, shards: number } } as unknown as PlanKind;
const step = { node: 'step' } as Node;
const split = { node: 'step', shards: { count: 2, kind: 'a.part' } } as Node;
const loopOf = (steps: Record<string, Node>): Node => ({ node: 'loop', steps }) as Node;

describe('the inputs of a shard', () => {
  it('are those of the step that its kind takes, and which it is', () => {
    const given = { batch: 8, dtype: 'float16' };
    expect(shardInputs(kind, given, { shard: 2, shards: 3 })).toEqual({ batch: 8, shard: 2, shards: 3 });
  });
});

describe('a plan', () => {
  it('has shards where one of its steps has, in a loop, too', () => {
    expect(
      [{ step }, { step, split }, { rl: loopOf({ step }) }, { rl: loopOf({ inner: loopOf({ split }) }) }].map(
        hasShards,
      ),
    ).toEqual([false, true, false, true]);
  });
});
