// Which process is killed when: drawn from the seed and from what the undisturbed run did. Pure.
import type { FaultPoint, TraceLine } from '../worker/faults.js';
import { randomOf, type Random } from './random.js';
import { attemptsIn, pointsIn, type Attempt, type PointClass, type WritePoint } from './timeline.js';

export const targets = ['worker', 'trainer', 'temporal', 'mlflow'] as const;
export type Target = (typeof targets)[number];

/** A way to kill: at a named point, or at any time. */
export interface Way {
  target: Target;
  at: { when: FaultPoint['when']; class: PointClass } | 'any time';
}

export interface Kill extends Way {
  id: string;
  trigger: { point: FaultPoint } | { key: string; delayMs: number };
  /** In words: where in the undisturbed run that is. */
  where: string;
}

const points = (target: Target, classes: PointClass[], whens: FaultPoint['when'][]): Way[] =>
  classes.flatMap((of) => whens.map((when): Way => ({ target, at: { when, class: of } })));
const times = (target: Target, count: number): Way[] =>
  Array.from({ length: count }, (): Way => ({ target, at: 'any time' }));

/** Every way, each as often as it is to be taken in a round. */
export const allWays: readonly Way[] = [
  ...points('worker', ['file', 'manifest', 'checkpoint', 'commit', 'click', 'journal'], ['before', 'inside', 'after']),
  ...points('worker', ['cursor'], ['before', 'after']),
  ...times('worker', 8),
  ...points('trainer', ['file', 'checkpoint', 'commit'], ['before', 'after']),
  ...times('trainer', 9),
  ...points('temporal', ['file', 'commit', 'click'], ['before', 'after']),
  ...times('temporal', 6),
  ...points('mlflow', ['cursor'], ['before', 'inside', 'after']),
  ...times('mlflow', 3),
];

/** A step gives up after a third attempt without a newer checkpoint, and that is right: so it is disturbed twice at most. */
const mostPerStep = 2;
const tries = 60;

export interface ScheduleRequest {
  seed: number;
  /** Number of the run in the campaign, from 0. */
  run: number;
  /** Kills that are planned before this run. */
  from: number;
  count: number;
  ways?: readonly Way[];
}

/** The kills of one run. The ways are taken in an order drawn from the seed, round after round, so that all have their turn. */
export function scheduleOf(reference: readonly TraceLine[], request: ScheduleRequest): Kill[] {
  const { seed, run, from, count } = request;
  const ways = request.ways ?? allWays;
  const attempts = attemptsIn(reference);
  const writes = pointsIn(reference);
  const random = randomOf(seed, `run ${run}`);
  const disturbed = new Map<string, number>();
  const kills: Kill[] = [];
  for (let index = from; index < from + count; index++) {
    const order = request.ways ?? randomOf(seed, `round ${Math.floor(index / ways.length)}`).shuffled(ways);
    const way = order[index % ways.length];
    if (way === undefined) continue;
    const kill = placed(way, `run${run}-kill${index}`, { random, attempts, writes, disturbed, kills });
    if (kill !== null) kills.push(kill);
  }
  return kills;
}

interface Placing {
  random: Random;
  attempts: Attempt[];
  writes: WritePoint[];
  disturbed: Map<string, number>;
  kills: Kill[];
}

/** A place for a kill; null where the run has none that is free. */
function placed(way: Way, id: string, placing: Placing): Kill | null {
  for (let attempt = 0; attempt < tries; attempt++) {
    const drawn = way.at === 'any time' ? atAnyTime(placing) : atPoint(way.at, placing);
    if (drawn === null) return null;
    const { paths, ...place } = drawn;
    const counted = way.target === 'mlflow' ? [] : paths;
    if (counted.some((path) => (placing.disturbed.get(path) ?? 0) >= mostPerStep)) continue;
    if (placing.kills.some(({ trigger }) => JSON.stringify(trigger) === JSON.stringify(place.trigger))) continue;
    for (const path of counted) placing.disturbed.set(path, (placing.disturbed.get(path) ?? 0) + 1);
    return { ...way, id, ...place };
  }
  return null;
}

type Place = Pick<Kill, 'trigger' | 'where'> & { paths: string[] };

/** Steps count by their length: a moment of the run is drawn, not a step. */
function atAnyTime({ random, attempts }: Placing): Place | null {
  const lengths = attempts.map(({ claimedAt, endedAt }) => Math.max(1, (endedAt ?? claimedAt) - claimedAt));
  let moment = random.integer(lengths.reduce((sum, length) => sum + length, 0));
  for (const [index, { path, key }] of attempts.entries()) {
    const length = lengths[index] ?? 0;
    if (moment < length)
      return {
        trigger: { key, delayMs: moment },
        where: `${path} after ${(moment / 1000).toFixed(2)} s`,
        paths: [path],
      };
    moment -= length;
  }
  return null;
}

function atPoint(at: Exclude<Way['at'], string>, { random, writes }: Placing): Place | null {
  const latest = at.class === 'cursor' ? 4 : 1; // one object, changed often; each worker counts from 1
  const candidates = writes.filter((write) => write.class === at.class && write.nth <= latest);
  if (candidates.length === 0) return null;
  const { op, shape, nth, paths } = random.pick(candidates);
  const during = paths.length === 0 ? '' : ` of ${paths.join(' or ')}`;
  return {
    trigger: { point: { when: at.when, op, shape, nth } },
    where: `${at.when} a ${at.class}${during}`,
    paths,
  };
}
