// A step that is several pieces of work, one after the other: its checkpoint is the files of the finished parts, and the
// trainer's own checkpoint of the part under way. Owns: that checkpoint and its rhythm between the parts.
// I1: a part is taken from a checkpoint only where its identity is the same: what it was made of decides, not its place.
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkFile } from '../../retrieval/link-file.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import { digestOf } from '../../schemas/identity.js';
import type { EngineDone, EngineRun, KindContext, PartCheckpoints } from '../kind.js';

interface Part {
  /** The folder of the part's files; nothing else is kept of it. */
  dir: string;
  /** Runs an operation of the trainer, which goes on from its own checkpoint in the step's; at most once a part. */
  engine(run: PartRun): Promise<EngineDone>;
}

type PartRun = Omit<EngineRun, 'checkpoints' | 'workDir'>;

export interface Parts {
  /**
   * The folder of a part: as a checkpoint holds it, or as `work` fills it. `work` returns how many steps it took; what it writes
   * in the folder is not changed afterwards. `identity` is what decides its bytes, beside the inputs of the step. Parts come one after the other, always in the same order.
   */
  part(name: string, identity: unknown, work: (part: Part) => Promise<number>): Promise<string>;
}

interface Mark {
  name: string;
  identity: string;
  steps: number;
}

type Resume = PartCheckpoints['resume'];

interface Saved {
  schema: 1;
  finished: Mark[];
  /** The part under way, and how many of its steps are done. */
  current: Mark | null;
}

interface State {
  context: KindContext;
  /** What the checkpoint holds that the step goes on from. */
  saved: Saved;
  finished: Mark[];
  /** Added to the steps where what the checkpoint holds is of no use, so that newer checkpoints have greater numbers. */
  base: number;
  lastSave: { at: number; step: number };
}

/** Opens the parts of a step, with what its checkpoint holds. */
export async function openParts(context: KindContext): Promise<Parts> {
  const saved = await readSaved(context);
  const lastSave = { at: Date.now(), step: context.resume?.step ?? 0 };
  const state: State = { context, saved, finished: [], base: 0, lastSave };
  return {
    async part(name, identity, work) {
      const mark = { name, identity: digestOf(canonicalJson(identity)) };
      const dir = join(context.workDir, 'parts', name);
      await mkdir(dir, { recursive: true });
      const known = saved.finished.find((one) => one.name === name && one.identity === mark.identity);
      if (known !== undefined && context.resume !== null) {
        await linkFiles(join(context.resume.path, 'finished', name), dir);
        state.finished.push(known);
        return dir;
      }
      const resume = resumeOf(state, mark);
      if (resume === null) state.base = Math.max(state.base, (context.resume?.step ?? 0) - total(state.finished));
      const steps = await work({ dir, engine: (run) => runPart(state, { ...mark, resume }, run) });
      state.finished.push({ ...mark, steps });
      if (isDue(state)) await save(state, null);
      context.signal.throwIfAborted();
      return dir;
    },
  };
}

/** Where the trainer goes on, if the checkpoint was written in the middle of this part. */
function resumeOf({ context: { resume }, saved: { current } }: State, mark: Omit<Mark, 'steps'>): Resume {
  if (resume === null || current?.name !== mark.name || current.identity !== mark.identity) return null;
  return { path: join(resume.path, 'current'), step: current.steps };
}

async function readSaved(context: KindContext): Promise<Saved> {
  const { resume } = context;
  const none: Saved = { schema: 1, finished: [], current: null };
  if (resume === null) return none;
  try {
    return JSON.parse(await readFile(join(resume.path, 'parts.json'), 'utf8')) as Saved;
  } catch {
    context.log(
      'warning',
      `the checkpoint of step ${resume.step} is of another version of this step, which starts anew`,
    );
    return none;
  }
}

async function runPart(
  state: State,
  { name, identity, resume }: Omit<Mark, 'steps'> & { resume: Resume },
  run: PartRun,
): Promise<EngineDone> {
  const { context, lastSave } = state;
  const workDir = join(context.workDir, 'jobs', name);
  await mkdir(workDir, { recursive: true });
  const keep = (folder: string, steps: number): Promise<void> => save(state, { name, identity, steps, folder });
  return context.engine({ ...run, workDir, checkpoints: { resume, sinceMs: Date.now() - lastSave.at, keep } });
}

/** Between parts a checkpoint is written when its time has come, and when the step has to stop. */
function isDue({ context, finished, base, lastSave }: State): boolean {
  const { everySteps, everyMs } = context.checkpoint;
  const steps = base + total(finished) - lastSave.step;
  if (steps <= 0) return false;
  return (
    context.signal.aborted ||
    (everySteps !== null && steps >= everySteps) ||
    (everyMs !== null && Date.now() - lastSave.at >= everyMs)
  );
}

async function save(state: State, current: (Mark & { folder: string }) | null): Promise<void> {
  const { context, finished, base } = state;
  const step = base + total(finished) + (current?.steps ?? 0);
  const folder = join(context.workDir, 'parts-checkpoints', String(step));
  await mkdir(folder, { recursive: true });
  for (const { name } of finished) {
    await mkdir(join(folder, 'finished', name), { recursive: true });
    await linkFiles(join(context.workDir, 'parts', name), join(folder, 'finished', name));
  }
  const mark = current && { name: current.name, identity: current.identity, steps: current.steps };
  if (current !== null) await rename(current.folder, join(folder, 'current'));
  const saved: Saved = { schema: 1, finished: [...finished], current: mark };
  await writeFile(join(folder, 'parts.json'), `${canonicalJson(saved)}\n`);
  await context.saveCheckpoint(folder, step);
  state.lastSave = { at: Date.now(), step };
}

const total = (marks: readonly Mark[]): number => marks.reduce((sum, { steps }) => sum + steps, 0);

async function linkFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) await linkFile(join(from, name), join(to, name));
}
