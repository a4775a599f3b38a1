// data.mix: several data sets as one, with weights and prompts of their own.
import { mixDatasets, type MixedSet } from '../../retrieval/mix-datasets.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { namedArtifacts, stringInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const sets = setsOf(context);
  const merge = stringInput(context.inputs, 'texts') === 'merge';
  const manifest = await mixDatasets(sets, { dir: await context.outputDir('dataset'), merge });
  const { merged, trainedAndTested } = manifest.notes as { merged: number; trainedAndTested: number };
  if (trainedAndTested > 0)
    context.log('warning', `${trainedAndTested} query texts are in sft or rl of one set and in dev or test of another`);
  const queries = Object.values(manifest.queries).reduce((sum, count) => sum + count, 0);
  return { corpus: manifest.corpus, queries, merged, trained_and_tested: trainedAndTested };
}

function setsOf({ inputs }: KindContext): MixedSet[] {
  const named = namedArtifacts(inputs, 'sets');
  const [weights, prompts] = [mapInput(inputs['weights']), mapInput(inputs['prompts'])];
  return named.map(({ name, artifact }) => {
    const own = name ?? '';
    return { name: own, path: artifact.path, weight: weightOf(own, weights[own]), prompt: promptOf(own, prompts[own]) };
  });
}

function weightOf(name: string, value: unknown): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && value > 0) return value;
  throw wrong('weights', `has ${JSON.stringify(value)} for ${name}; expected a number above 0`);
}

function promptOf(name: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && value.split('{}').length === 2) return value;
  throw wrong('prompts', `has ${JSON.stringify(value)} for ${name}; expected a text that holds {} once, for the query`);
}

const mapInput = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const wrong = (input: string, what: string): StepFailure =>
  new StepFailure('config', `\`${input}\` ${what}.`, { input });
