// The engine with the real trainer: the operation `probe` needs no torch.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineJob, type JobEvent } from '../../../activities/engine/engine.js';
import { isAlive } from './fixture.js';

const repository = resolve(import.meta.dirname, '../../..');
const never = new AbortController().signal;
let folder: string;
let engine: Engine;

const options = () => ({
  command: join(repository, '.pawl', 'python', 'bin', 'python'),
  args: ['-m', 'pawl_trainer'],
  pythonPath: join(repository, 'trainer'),
  logFile: join(folder, 'trainer.log'),
  threads: 1,
  cacheBytes: 1e6,
  startTimeoutMs: 60_000,
  killGraceMs: 2_000,
  cancelGraceMs: 10_000,
});
const job = (inputs: Record<string, unknown>, change: Partial<EngineJob> = {}): EngineJob => ({
  id: `job-${JSON.stringify(inputs)}`,
  op: 'probe',
  inputs,
  seed: 7,
  workDir: folder,
  checkpoint: { everySteps: 2, everyMs: null },
  resume: null,
  ...change,
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-trainer-'));
  engine = createEngine(options());
});
afterEach(async () => {
  await engine.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the trainer', () => {
  it('shakes hands, runs jobs on one process, and may print what it likes', async () => {
    const events: JobEvent[] = [];
    const done = await engine.run(
      job({ steps: 5, print: true, not_a_number: true }),
      (event) => events.push(event),
      never,
    );
    expect(done.metrics['steps']).toBe(5);
    expect(events.find((event) => event.type === 'metrics')).toMatchObject({
      values: { loss: null },
      nonFinite: ['loss'],
    });
    const pid = engine.pid();
    if (process.platform === 'linux')
      expect(await readFile(`/proc/${pid ?? 0}/environ`, 'latin1')).toContain('MALLOC_TRIM_THRESHOLD_=');
    await engine.run(job({ steps: 1 }), () => undefined, never);
    expect(engine.pid()).toBe(pid);
    expect(engine.provenance()).toHaveProperty('python_version');
  });

  it('that is killed goes on from its checkpoint to the value of a straight run', async () => {
    const straight = await engine.run(job({ steps: 6 }), () => undefined, never);
    await expect(engine.run(job({ steps: 6, crash_at: 4 }), () => undefined, never)).rejects.toMatchObject({
      failureClass: 'trainer_crash',
    });
    const resume = { path: join(folder, 'checkpoints', '4'), step: 4 };
    expect((await engine.run(job({ steps: 6 }, { id: 'again', resume }), () => undefined, never)).metrics).toEqual(
      straight.metrics,
    );
  });

  it('writes a checkpoint when it is cancelled', async () => {
    const controller = new AbortController();
    const events: JobEvent[] = [];
    const quiet = job({ steps: 10_000, step_ms: 5 }, { checkpoint: { everySteps: null, everyMs: null } });
    const running = engine.run(
      quiet,
      (event) => {
        events.push(event);
        controller.abort();
      },
      controller.signal,
    );
    await expect(running).rejects.toMatchObject({ failureClass: 'preempted' });
    expect(events.at(-1)?.type).toBe('checkpoint');
  });

  it('says which operation or input it does not know', async () => {
    await expect(engine.run(job({ steps: 1 }, { op: 'divine' }), () => undefined, never)).rejects.toThrow(
      'no operation `divine`',
    );
    await expect(engine.run(job({ stepps: 1 }), () => undefined, never)).rejects.toMatchObject({
      failureClass: 'config',
    });
  });

  it('does not outlive a worker that is killed, even in the middle of a job', async () => {
    const program = `
      import { createEngine } from ${JSON.stringify(pathToFileURL(join(repository, 'activities/engine/engine.ts')).href)};
      const engine = createEngine(${JSON.stringify(options())});
      const job = ${JSON.stringify(job({ steps: 100_000, step_ms: 10, stuck: true }))};
      let told = false;
      engine.run(job, () => { if (!told) process.stdout.write(engine.pid() + '\\n'); told = true; }, new AbortController().signal);
    `;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((found) =>
      parent.stdout.once('data', (chunk: Buffer) => found(Number(chunk.toString()))),
    );
    expect(await isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    const killedAt = Date.now();
    while ((await isAlive(pid)) && Date.now() - killedAt < 5_000) await new Promise((next) => setTimeout(next, 20));
    expect(Date.now() - killedAt).toBeLessThan(2_000);
  });
});
