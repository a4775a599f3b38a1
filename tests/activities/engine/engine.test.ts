import { afterEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../activities/engine/engine.js';
import { StepFailure } from '../../../activities/kind.js';
import { isAlive, openBench, type EngineBench } from './fixture.js';

let bench: EngineBench;
afterEach(() => bench.close());
const never = new AbortController().signal;

const failureOf = async (running: Promise<unknown>): Promise<StepFailure> => {
  const error = await running.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof StepFailure) return error;
  throw error;
};

describe('an engine', () => {
  it('reports progress, metrics and checkpoints, and the result at the end', async () => {
    bench = await openBench();
    const events: JobEvent[] = [];
    const job = bench.job({ steps: 4 }, { checkpoint: { everySteps: 2, everyMs: null } });
    const done = await bench.engine.run(job, (event) => events.push(event), never);
    expect(done.metrics).toEqual({ steps: 4, value: 14 });
    expect(events.filter((event) => event.type === 'metrics').map((event) => event.step)).toEqual([1, 2, 3, 4]);
    expect(events.filter((event) => event.type === 'checkpoint')).toMatchObject([{ step: 2, path: 'checkpoints/2' }]);
    expect(bench.engine.provenance()).toMatchObject({ program: 'fixture', processes: '1' });
  });

  it('tells the trainer of a slot with several accelerators that it is several processes', async () => {
    bench = await openBench('', { processes: 4 });
    await bench.engine.run(bench.job({ steps: 1 }), () => undefined, never);
    expect(bench.engine.provenance()).toMatchObject({ processes: '4' });
  });

  it('keeps one process warm over jobs, one job at a time', async () => {
    bench = await openBench();
    const order: string[] = [];
    const one = (name: string) => bench.engine.run(bench.job({ steps: 3, step_ms: 10 }), () => order.push(name), never);
    await Promise.all([one('a'), one('b')]);
    expect(order.join('')).toMatch(/^a+b+$/);
    const pid = bench.engine.pid();
    await one('c');
    expect(bench.engine.pid()).toBe(pid);
  });

  it('starts ahead of the job that is expected, and the job gets that process', async () => {
    bench = await openBench();
    await Promise.all([bench.engine.warm(), bench.engine.warm()]);
    const pid = bench.engine.pid();
    expect(pid).not.toBe(null);
    await bench.engine.run(bench.job({ steps: 1 }), () => undefined, never);
    expect(bench.engine.pid()).toBe(pid);
  });

  it('ends one that is just being started ahead', async () => {
    bench = await openBench();
    const warming = bench.engine.warm();
    await bench.engine.stop();
    await warming;
    expect(bench.engine.pid()).toBe(null);
  });

  it('says nothing where it cannot start ahead: the job does', async () => {
    bench = await openBench('', { command: '/nowhere/python' });
    await bench.engine.warm();
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 1 }), () => undefined, never));
    expect(failure.failureClass).toBe('config');
  });

  it('survives a program that prints to stdout', async () => {
    bench = await openBench();
    const done = await bench.engine.run(bench.job({ steps: 2, print_at: 1 }), () => undefined, never);
    expect(done.metrics.steps).toBe(2);
  });

  it('fails the job with the last lines of stderr when the process crashes, and starts another for the next', async () => {
    bench = await openBench();
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 3, crash_at: 1 }), () => undefined, never));
    expect(failure.failureClass).toBe('trainer_crash');
    expect(failure.message).toContain('ended with exit code 3');
    expect(failure.message).toContain('about to crash');
    expect(bench.engine.pid()).toBe(null);
    const done = await bench.engine.run(bench.job({ steps: 2 }), () => undefined, never);
    expect(done.metrics.steps).toBe(2);
  });

  it.each([
    [{ signal: 9 }, 'trainer_crash', 'out of memory'],
    [{ signal: 15 }, 'preempted', 'SIGTERM'],
    [{ exit_code: 12 }, 'oom', 'exit code 12'],
    [{ exit_code: 16 }, 'non_finite', 'exit code 16'],
  ])('knows what an end by %o means', async (how, failureClass, words) => {
    bench = await openBench();
    const job = bench.job({ steps: 3, crash_at: 1, ...how });
    const failure = await failureOf(bench.engine.run(job, () => undefined, never));
    expect(failure.failureClass).toBe(failureClass);
    expect(failure.message).toContain(words);
  });

  it('fails with the class that the trainer names and keeps the process', async () => {
    bench = await openBench();
    const failure = await failureOf(bench.engine.run(bench.job({ fail_class: 'data' }), () => undefined, never));
    expect(failure).toMatchObject({ failureClass: 'data', message: 'asked to fail' });
    expect(bench.engine.pid()).not.toBe(null);
  });

  it('ends a process that writes a foreign line to the protocol stream', async () => {
    bench = await openBench();
    const job = bench.job({ steps: 100, step_ms: 20, garbage_at: 1 });
    const failure = await failureOf(bench.engine.run(job, () => undefined, never));
    expect(failure.message).toContain('"loss 0.25 looks fine"');
    expect(bench.engine.pid()).toBe(null);
  });

  it('asks for a checkpoint on cancel and keeps the process', async () => {
    bench = await openBench();
    const controller = new AbortController();
    const events: JobEvent[] = [];
    const job = bench.job({ steps: 1000, step_ms: 5 });
    const running = bench.engine.run(
      job,
      (event) => {
        events.push(event);
        if (event.type === 'progress' && event.step === 3) controller.abort(new Error('cancelled'));
      },
      controller.signal,
    );
    expect((await failureOf(running)).failureClass).toBe('preempted');
    expect(events.some((event) => event.type === 'checkpoint')).toBe(true);
    expect(bench.engine.pid()).not.toBe(null);
  });

  it('ends a process that ignores a cancel', async () => {
    bench = await openBench('', { cancelGraceMs: 200 });
    const controller = new AbortController();
    const job = bench.job({ steps: 1000, step_ms: 5, ignore_cancel: true });
    const running = bench.engine.run(job, () => controller.abort(new Error('cancelled')), controller.signal);
    const failure = await failureOf(running);
    expect(failure.message).toContain('did not stop within 0.2 s');
    expect(bench.engine.pid()).toBe(null);
  });

  it('says what a program that hangs at the start printed last', async () => {
    bench = await openBench('hang', { startTimeoutMs: 3_000 });
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 1 }), () => undefined, never));
    expect(failure.failureClass).toBe('trainer_crash');
    expect(failure.message).toContain('did not get ready within 3 s');
    expect(failure.message).toContain('importing something slow');
  });

  it('says why a program that ends at the start did so', async () => {
    bench = await openBench('exit');
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 1 }), () => undefined, never));
    expect(failure.message).toContain("No module named 'torch'");
  });

  it('says which program is missing', async () => {
    bench = await openBench('', { command: '/nowhere/python' });
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 1 }), () => undefined, never));
    expect(failure).toMatchObject({ failureClass: 'config' });
    expect(failure.message).toContain('/nowhere/python');
    expect(failure.message).toContain('npm run setup');
  });

  it('refuses a trainer of another protocol version, by name', async () => {
    bench = await openBench('newer');
    const failure = await failureOf(bench.engine.run(bench.job({ steps: 1 }), () => undefined, never));
    expect(failure.message).toContain('it speaks protocol 2, and this worker speaks 1');
  });

  it('ends a stubborn process and what it started, when it is stopped', async () => {
    bench = await openBench('stubborn');
    await bench.engine.run(bench.job({ steps: 1 }), () => undefined, never);
    const pid = bench.engine.pid() ?? 0;
    expect(await isAlive(pid)).toBe(true);
    await bench.engine.stop();
    expect(await isAlive(pid)).toBe(false);
  });
});
