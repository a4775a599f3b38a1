// eval.compare: two reports, or two sides of several, query by query: the difference of one figure with its interval and p-value.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComparedFigure, ReportPair } from '../../retrieval/compare-reports.js';
import type { EvaluationMode, FigureName } from '../../retrieval/report.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { writeLines } from '../../retrieval/write-lines.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext } from '../kind.js';
import { integerInput, namedArtifacts, stringInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const { inputs } = context;
  const before = stringInput(inputs, 'mode') as EvaluationMode;
  const other = stringInput(inputs, 'after_mode');
  const after = other === 'same' ? before : (other as EvaluationMode);
  const figure: ComparedFigure = { name: stringInput(inputs, 'figure') as FigureName, before, after };
  const pairs = pairsOf(context);
  context.progress(0, 1, `${pairs.length} pairs of reports`);
  const resamples = integerInput(inputs, 'resamples');
  const { lines, ...found } = await retrievalThreads().run('compareReports', { pairs, figure, options: { resamples } });
  const dir = await context.outputDir('comparison');
  await writeLines(join(dir, 'queries.jsonl'), lines);
  const facts = { schema: 1, figure, replicas: pairs.length, resamples, ...found };
  await writeFile(join(dir, 'comparison.json'), `${canonicalJson(facts)}\n`);
  return {
    before: found.before,
    after: found.after,
    difference: found.mean,
    difference_low: found.low,
    difference_high: found.high,
    p_value: found.p,
    detectable: found.detectable,
    queries: found.queries,
  };
}

/** Reports with the same name belong together. */
function pairsOf({ inputs }: KindContext): ReportPair[] {
  const [before, after] = [namedArtifacts(inputs, 'before'), namedArtifacts(inputs, 'after')];
  return before.map(({ artifact }, i) => ({ before: artifact.path, after: after[i]?.artifact.path ?? '' }));
}
