// An engine on the fixture program, which speaks the protocol and misbehaves on request.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createEngine, type Engine, type EngineJob, type EngineOptions } from '../../../activities/engine/engine.js';

export const fixtureProgram = resolve(import.meta.dirname, '../../fixtures/engine/program.py');

/** Options of an engine whose program is the fixture in `mode`. */
export function fixtureOptions(folder: string, mode = ''): EngineOptions {
  return {
    command: 'python3',
    args: [fixtureProgram, mode],
    pythonPath: '',
    logFile: join(folder, 'trainer.log'),
    threads: 1,
    cacheBytes: 1e6,
    startTimeoutMs: 10_000,
    killGraceMs: 500,
    cancelGraceMs: 2_000,
  };
}

export interface EngineBench {
  folder: string;
  engine: Engine;
  job(inputs: Record<string, unknown>, more?: Partial<EngineJob>): EngineJob;
  close(): Promise<void>;
}

/** A work folder and an engine in it; `close` ends both. */
export async function openBench(mode = '', change: Partial<EngineOptions> = {}): Promise<EngineBench> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-engine-'));
  const engine = createEngine({ ...fixtureOptions(folder, mode), ...change });
  let count = 0;
  return {
    folder,
    engine,
    job: (inputs, more) => ({
      id: `job-${count++}`,
      op: 'probe',
      inputs,
      seed: null,
      workDir: folder,
      checkpoint: { everySteps: null, everyMs: null },
      resume: null,
      ...more,
    }),
    async close() {
      await engine.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a process of this id runs (a zombie does not). */
export async function isAlive(pid: number): Promise<boolean> {
  const { readFile } = await import('node:fs/promises');
  try {
    return !/^\d+ \(.*\) Z/.test(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
