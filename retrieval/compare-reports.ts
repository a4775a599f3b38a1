// Compares two reports query by query.
import { join } from 'node:path';
import { pairedBootstrap, type BootstrapOptions, type Interval } from './bootstrap.js';
import { isObject, readJsonl, stringField } from './jsonl.js';
import type { EvaluationMode, FigureName } from './report.js';
import { dataError } from './retrieval-error.js';

/**
 * Mean of `after - before` of one figure over the queries of two report folders, with its paired bootstrap interval and the number of
 * queries. Fails with class `data` when the mode is missing or the queries differ.
 */
export async function compareReports(
  before: string,
  after: string,
  figure: { mode: EvaluationMode; name: FigureName },
  options: BootstrapOptions = {},
): Promise<Interval & { queries: number }> {
  const a = await readFigures(before, figure);
  const b = await readFigures(after, figure);
  const ids = [...a.keys()];
  const unpaired = ids.find((id) => !b.has(id)) ?? [...b.keys()].find((id) => !a.has(id));
  if (unpaired !== undefined)
    throw dataError(
      'queries.jsonl',
      null,
      `query ${JSON.stringify(unpaired)} is in one report only; compare reports of the same split and number of queries`,
    );
  if (ids.length === 0)
    throw dataError(
      'queries.jsonl',
      null,
      `there is nothing of the mode ${figure.mode}; ask eval.retrieval for it in \`modes\``,
    );
  const interval = pairedBootstrap(
    ids.map((id) => a.get(id) as number),
    ids.map((id) => b.get(id) as number),
    options,
  );
  return { ...interval, queries: ids.length };
}

async function readFigures(
  dir: string,
  { mode, name }: { mode: EvaluationMode; name: FigureName },
): Promise<Map<string, number>> {
  const figures = new Map<string, number>();
  const shape = `an object with \`query\`, \`mode\` and the number \`${name}\``;
  for await (const { value, line, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', shape)) {
    const query = stringField(value, 'query', at);
    if (!isObject(value) || value['mode'] !== mode) continue;
    const found = value[name];
    if (typeof found !== 'number') throw dataError('queries.jsonl', line, `expected ${shape}`);
    figures.set(query, found);
  }
  return figures;
}
