// Queries of an evaluation embedded after reasoning: the trainer's operation `reason` as a part of the step. The texts stay in the
// report as reasoning-<mode>.jsonl, with the name of the set before it where there are several.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkFile } from '../../retrieval/link-file.js';
import { StepFailure } from '../kind.js';
import { checkVectors, readVectors, vectorFile } from './encode.js';
import { nameIn, type SetTask } from './evaluation-task.js';
import { integerInput, numberInput } from './inputs.js';

export interface Embedded {
  /** queries x samples rows, query-major. */
  vectors: Float32Array;
  /** `strict`: of a generated reasoning, whether it is well formed exactly. */
  answers: { valid: boolean; strict?: boolean }[];
}

/** Embeddings after `samples` reasonings a query. Fails as the trainer does, or with trainer_crash when its files are not as told. */
export async function reason(
  { context, parts, model, set, queries, texts, out: report }: SetTask,
  mode: 'greedy' | 'sampled',
  samples: number,
  dimension: number,
): Promise<Embedded> {
  const { inputs } = context;
  const name = `reasoning-${mode}.jsonl`;
  const count = queries.length * samples;
  const batch = integerInput(inputs, 'batch');
  const temperature = numberInput(inputs, 'temperature');
  const min_new = integerInput(inputs, 'min_new');
  const dir = await parts.part(nameIn(set, mode), null, async (part) => {
    const out = join(part.dir, vectorFile);
    const samples_out = join(part.dir, name);
    const given = { model, texts, mode, samples, temperature, min_new, batch, out, samples_out };
    const { metrics } = await part.engine({ op: 'reason', inputs: given, seed: context.seed });
    await checkVectors(out, count, dimension);
    return metrics['steps'] ?? 1;
  });
  await linkFile(join(dir, name), join(report, nameIn(set, name)));
  return { vectors: await readVectors(join(dir, vectorFile)), answers: await readAnswers(join(dir, name), count) };
}

async function readAnswers(path: string, count: number): Promise<Embedded['answers']> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  if (lines.length !== count)
    throw new StepFailure('trainer_crash', `The trainer wrote ${lines.length} reasonings; ${count} were asked for.`);
  return lines.map((line) => {
    const { valid, strict } = JSON.parse(line) as { valid?: unknown; strict?: unknown };
    return { valid: valid === true, strict: strict === true };
  });
}
