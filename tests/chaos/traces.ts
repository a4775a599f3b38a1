// A trace such as a worker writes: `sft` in the trainer with a checkpoint, then `reward` in the worker, and a click.
import type { TraceLine } from '../../worker/faults.js';

export const start = 1_000_000;

type Said = TraceLine extends infer Line ? (Line extends TraceLine ? Omit<Line, 'at' | 'pid'> : never) : never;

/** A line `ms` after the start. */
export const line = (ms: number, said: Said, pid = 1): TraceLine => ({ at: start + ms, pid, ...said });

export const claim = (ms: number, path: string, attempt: string, pid = 1): TraceLine =>
  line(ms, { what: 'claim', key: `k-${path}`, path, attempt, released: false }, pid);

export const wrote = (ms: number, op: Extract<Said, { what: 'write' }>['op'], name: string, pid = 1): TraceLine =>
  line(ms, { what: 'write', op, name }, pid);

export const stepsOf = (job: string, from: number, to: number, ms: number, pid = 1): TraceLine[] =>
  Array.from({ length: to - from + 1 }, (_, index) =>
    line(ms + index * 100, { what: 'event', job, type: 'progress', step: from + index }, pid),
  );

export const trace: TraceLine[] = [
  claim(0, 'sft', 'a1'),
  line(10, { what: 'asked', job: 'a1-0' }),
  line(3_000, { what: 'job', job: 'a1-0' }),
  ...stepsOf('a1-0', 1, 24, 3_100),
  wrote(5_600, 'createFromFile', 'blobs/11/1111'),
  wrote(5_610, 'createIfAbsent', 'blobs/22/2222'),
  wrote(5_620, 'createIfAbsent', 'journals/k-sft/a1.000000.jsonl'),
  wrote(5_630, 'createIfAbsent', 'checkpoints/c-sft/000000000020-a1.json'),
  wrote(5_640, 'compareAndSwap', 'cursors/run/1.json'),
  line(5_700, { what: 'done', job: 'a1-0' }),
  wrote(5_800, 'createIfAbsent', 'results/k-sft.json'),
  claim(5_900, 'rl[0].reward', 'a2'),
  wrote(6_400, 'createIfAbsent', 'results/k-rl[0].reward.json'),
  wrote(6_500, 'createIfAbsent', 'loops/l/000000000.json'),
].sort((a, b) => a.at - b.at);
