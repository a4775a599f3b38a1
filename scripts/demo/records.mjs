// Reads what a run left in the store: its record, and the reports of its evaluations by query.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The newest run of a pipeline, the evaluations in the order of the file, and seconds by step as they were when the step
 * really ran (a cached step took them in an earlier run).
 * @param {string} root @param {string} pipeline
 */
export async function readRun(root, pipeline) {
  const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
  const [{ default: config }, { openStore }, { listRuns }, { readResult }, { readTree }, { names }, addresses] =
    await Promise.all(
      ['temporal.config.js', 'store/open.js', 'store/runs.js', 'store/results.js', 'store/artifacts.js', 'store/store.js', 'local/addresses.js'].map(load), // prettier-ignore
    );
  const store = await openStore(config.store);
  const [record] = await listRuns(store, pipeline);
  if (record === undefined) return null;
  const evaluations = [];
  const steps = [];
  for (const step of record.steps.filter(({ path }) => !path.includes('['))) {
    const result = step.key === null ? null : await readResult(store, step.key);
    steps.push({ path: step.path, state: step.state, seconds: result?.seconds ?? step.seconds });
    if (result !== null && step.kind === 'eval.retrieval') {
      evaluations.push({ step: step.path, rows: await queriesOf(result.outputs.report, { store, readTree, names }) });
    }
  }
  return {
    record,
    evaluations,
    steps,
    temporalPage: addresses.workflowPage(config, record.workflowId),
    mlflow: addresses.mlflowUrl(config),
  };
}

async function queriesOf(report, { store, readTree, names }) {
  const { files } = await readTree(store, report.tree);
  const file = files.find(({ path }) => path === 'queries.jsonl');
  const bytes = file === undefined ? null : await store.get(names.blob(file.digest));
  if (bytes === null) return [];
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
