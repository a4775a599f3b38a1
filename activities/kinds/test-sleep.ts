// test.sleep: waits step by step, with a checkpoint a step unless the pipeline asks for fewer. Proves the durable loop
// without any training: the result does not depend on how often it was interrupted.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KindContext, KindImplementation } from '../kind.js';
import { StepFailure } from '../kind.js';
import { integerInput, numberInput } from './inputs.js';

/** Writes counter.json {steps, value}. Safe to run twice; resumes after the last step that a checkpoint holds. */
export const run: KindImplementation = async (context) => {
  const steps = integerInput(context.inputs, 'steps');
  const stepMs = integerInput(context.inputs, 'step_ms');
  const value = numberInput(context.inputs, 'value');
  let done = await takenBefore(context);
  const saved = { step: done, at: Date.now() };
  while (done < steps) {
    await interruptible(context, stepMs);
    if (context.signal.aborted) {
      if (done > saved.step) await saveStep(context, done);
      throw new StepFailure('preempted', `Stopped after step ${done} of ${steps}.`, { step: done });
    }
    done += 1;
    context.metric(done, { value: value * done });
    context.progress(done, steps, 'sleeping');
    if (done < steps && isDue(context, done - saved.step, Date.now() - saved.at)) {
      await saveStep(context, done);
      Object.assign(saved, { step: done, at: Date.now() });
    }
  }
  const folder = await context.outputDir('folder');
  await writeFile(join(folder, 'counter.json'), JSON.stringify({ steps, value }));
  return { steps, value };
};

async function takenBefore(context: KindContext): Promise<number> {
  if (context.resume === null) return 0;
  const state: unknown = JSON.parse(await readFile(join(context.resume.path, 'state.json'), 'utf8'));
  if (typeof state === 'object' && state !== null && 'step' in state && typeof state.step === 'number')
    return state.step;
  throw new StepFailure('artifact_damaged', 'state.json in the checkpoint holds no step number.');
}

async function saveStep(context: KindContext, step: number): Promise<void> {
  const folder = join(context.workDir, 'checkpoints', String(step));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'state.json'), JSON.stringify({ step }));
  await context.saveCheckpoint(folder, step);
}

function isDue(context: KindContext, steps: number, ms: number): boolean {
  const { everySteps, everyMs } = context.checkpoint;
  if (everySteps === null && everyMs === null) return true;
  return (everySteps !== null && steps >= everySteps) || (everyMs !== null && ms >= everyMs);
}

async function interruptible(context: KindContext, ms: number): Promise<void> {
  if (ms === 0) return; // a timer of 0 takes a millisecond
  await sleep(ms, undefined, { signal: context.signal }).catch(() => undefined);
}
