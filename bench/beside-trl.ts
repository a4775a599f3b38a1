// Tokens a second of stage 1 and stage 2 in Pawl's trainer beside TRL's trainers: the same model and batches, in turns.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { trainerEnvironment } from '../activities/engine/trainer-environment.js';

export interface TrlSizes {
  preset: string;
  /** Examples a step of supervised training. */
  batch: number;
  queries: number;
  group: number;
  /** Tokens a sample. */
  new: number;
  microBatch: number;
  rounds: number;
  /** Steps a round; the first of each is not counted. */
  sftSteps: number;
  grpoSteps: number;
}

/** The sizes of the quickstart. */
export const quickstartSizes: TrlSizes = {
  preset: 'tiny',
  batch: 128,
  queries: 32,
  group: 8,
  new: 28,
  microBatch: 32,
  rounds: 3,
  sftSteps: 6,
  grpoSteps: 4,
};

/** What both sides did first with one batch. */
export interface FirstBatch {
  loss: number;
  gradNorm: number;
}

export interface StageCosts {
  /** Tokens of a step: non-pad tokens of the sequences (sft), generated and then trained tokens (grpo). */
  tokens: number;
  /** Tokens a second, by round. */
  pawl: number[];
  trl: number[];
  first: { pawl: FirstBatch; trl: FirstBatch };
}

export interface TrlCosts {
  sizes: TrlSizes;
  threads: number;
  sft: StageCosts;
  grpo: StageCosts;
}

/** How far loss and gradient norm of the first batch may be apart: in all for the loss, as a part for the norm. */
const agreement = 1e-3;

interface Answer {
  seconds: number[];
  tokens: number;
  loss: number;
  grad_norm: number;
  batch?: unknown;
}

type Side = 'pawl' | 'trl';

/**
 * Measures. Fails when the sides do not compute the same from the same batch. @param root the folder of the clone
 * @param given folders of model and data with as many queries as `sizes` says; absent = made from Python's standard library
 */
export async function measureBesideTrl(
  root: string,
  sizes: TrlSizes = quickstartSizes,
  given?: { model: string; data: string },
): Promise<TrlCosts> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-bench-trl-'));
  const inputs = given ?? { model: join(folder, 'model'), data: join(folder, 'data') };
  const threads = Math.min(availableParallelism(), 8);
  const programs: Program[] = [];
  try {
    if (given === undefined) await finished(start(root, sizes, inputs, threads, ['--prepare', sizes.preset]));
    const open = (side: Side): Program => {
      const program = talk(start(root, sizes, inputs, threads, ['--side', side]));
      programs.push(program);
      return program;
    };
    const sides = { pawl: open('pawl'), trl: open('trl') };
    const sft = await measureStage(sides, { task: 'sft', steps: sizes.sftSteps }, sizes.rounds);
    const grpo = await measureStage(sides, { task: 'grpo', steps: sizes.grpoSteps }, sizes.rounds);
    return { sizes, threads, sft, grpo: { ...grpo, first: await firstOfGrpo(sides) } };
  } finally {
    await Promise.all(programs.map((program) => program.end()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureStage(sides: Record<Side, Program>, task: object, rounds: number): Promise<StageCosts> {
  const costs = { pawl: [] as number[], trl: [] as number[] };
  const answers: Partial<Record<Side, Answer>> = {};
  for (let round = 0; round < rounds; round += 1) {
    // Who begins changes, so that what a round inherits from the one before is shared.
    const order: Side[] = round % 2 === 0 ? ['pawl', 'trl'] : ['trl', 'pawl'];
    for (const side of order) {
      const answer = await sides[side].ask(task);
      answers[side] ??= answer;
      costs[side].push((answer.tokens * answer.seconds.length) / answer.seconds.reduce((sum, value) => sum + value, 0));
    }
  }
  const { pawl, trl } = answers;
  if (pawl === undefined || trl === undefined) throw new Error('no round was measured');
  if (pawl.tokens !== trl.tokens) throw new Error(`Pawl trains ${pawl.tokens} tokens a step, TRL ${trl.tokens}`);
  const first = { pawl: firstOf(pawl), trl: firstOf(trl) };
  if ('grad_norm' in pawl) requireSame('sft', first);
  return { tokens: pawl.tokens, ...costs, first };
}

/** Pawl samples a batch and trains on it; TRL trains on the same completions. */
async function firstOfGrpo(sides: Record<Side, Program>): Promise<StageCosts['first']> {
  const pawl = await sides.pawl.ask({ task: 'first_grpo' });
  const trl = await sides.trl.ask({ task: 'first_grpo', batch: pawl.batch });
  const first = { pawl: firstOf(pawl), trl: firstOf(trl) };
  requireSame('grpo', first);
  return first;
}

const firstOf = (answer: Answer): FirstBatch => ({ loss: answer.loss, gradNorm: answer.grad_norm });

/** Fails when loss or gradient norm are further apart than `agreement`, or are no numbers. */
export function requireSame(stage: string, first: StageCosts['first']): void {
  const { pawl, trl } = first;
  const same = Math.abs(pawl.loss - trl.loss) <= agreement && Math.abs(pawl.gradNorm / trl.gradNorm - 1) <= agreement;
  if (same) return;
  const shown = ({ loss, gradNorm }: FirstBatch): string => `loss ${loss}, gradient norm ${gradNorm}`;
  throw new Error(
    `${stage}: on the same batch Pawl has ${shown(pawl)}, and TRL ${shown(trl)}: no comparison of speeds`,
  );
}

function start(
  root: string,
  sizes: TrlSizes,
  inputs: { model: string; data: string },
  threads: number,
  role: string[],
): ChildProcess {
  const numbers = { batch: sizes.batch, queries: sizes.queries, group: sizes.group, new: sizes.new };
  const options = { ...inputs, ...numbers, 'micro-batch': sizes.microBatch };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return spawn(
    join(root, '.pawl', 'python', 'bin', 'python'),
    [join(root, 'bench', 'beside_trl.py'), ...role, ...args],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PYTHONPATH: join(root, 'trainer'),
        OMP_NUM_THREADS: String(threads),
        HF_HUB_OFFLINE: '1',
        HF_HUB_DISABLE_PROGRESS_BARS: '1',
        ...trainerEnvironment({}),
      },
    },
  );
}

interface Program {
  ask(task: object): Promise<Answer>;
  end(): Promise<void>;
}

/** One task a line, one answer a line. */
function talk(child: ChildProcess): Program {
  const said = lastWords(child);
  const ended = once(child, 'close');
  const lines = child.stdout === null ? null : createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (task) => {
      child.stdin?.write(`${JSON.stringify(task)}\n`);
      const line = await lines?.next();
      if (line === undefined || line.done === true) throw new Error(`bench/beside_trl.py ended early:\n${said()}`);
      return JSON.parse(line.value) as Answer;
    },
    end: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}

async function finished(child: ChildProcess): Promise<void> {
  const said = lastWords(child);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`bench/beside_trl.py ended with ${code ?? 'a signal'}:\n${said()}`);
}

/** The end of what a program wrote to stderr. */
function lastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000)));
  return () => text;
}
