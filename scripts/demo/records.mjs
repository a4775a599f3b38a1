// Reads what a run left in the store: its record, and the reports of its evaluations.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = [
  'temporal.config.js',
  'store/open.js',
  'store/runs.js',
  'store/results.js',
  'store/artifacts.js',
  'store/store.js',
  'local/addresses.js',
  'retrieval/bootstrap.js',
];

/** The compiled modules that the demo reads with; only there after the build. @param {string} root */
export async function loadReader(root) {
  const loaded = await Promise.all(modules.map((path) => import(pathToFileURL(join(root, 'dist', path)).href)));
  const [{ default: config }, ...rest] = loaded;
  return Object.assign({ config }, ...rest);
}

/**
 * The newest run of a pipeline, its evaluations and its seconds by step, in the order in which they started; null when
 * there is none. Seconds are those of when the step really ran: a cached step took them in an earlier run.
 */
export async function readRun(reader, pipeline) {
  const store = await reader.openStore(reader.config.store);
  const [record] = await reader.listRuns(store, pipeline);
  if (record === undefined) return null;
  const evaluations = [];
  const steps = [];
  const startOf = ({ startedAt }) => startedAt ?? '';
  const inOrder = record.steps
    .filter(({ path }) => !path.includes('['))
    .sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
  for (const step of inOrder) {
    const result = step.key === null ? null : await reader.readResult(store, step.key);
    steps.push({ path: step.path, state: step.state, seconds: result?.seconds ?? step.seconds });
    if (result !== null && step.kind === 'eval.retrieval')
      evaluations.push(await evaluationOf(reader, store, step.path, result));
  }
  return { record, evaluations, steps };
}

async function evaluationOf(reader, store, path, result) {
  const { files } = await reader.readTree(store, result.outputs.report.tree);
  const textOf = async (name) => {
    const file = files.find((entry) => entry.path === name);
    const bytes = file === undefined ? null : await store.get(reader.names.blob(file.digest));
    return bytes === null ? '' : new TextDecoder().decode(bytes);
  };
  const lines = (await textOf('queries.jsonl')).split('\n').filter((line) => line !== '');
  return {
    step: path,
    modes: JSON.parse(await textOf('report.json')).modes,
    queries: lines.map((line) => JSON.parse(line)),
  };
}
