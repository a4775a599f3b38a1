// What a run ends with, whatever happened to it: digests of all results, clicks, metrics, and the points in MLflow.
import type { RunRecord } from '../schemas/generated/records.js';
import { listAll } from '../store/list-all.js';
import { readResult } from '../store/results.js';
import { readClick } from '../store/clicks.js';
import type { ObjectStore } from '../store/store.js';

/** Fact -> value, as text: what two runs are compared by. */
export type Facts = Record<string, string>;

/** The facts that the store has of a run. */
export async function factsOf(store: ObjectStore, record: RunRecord): Promise<Facts> {
  const facts: Facts = { 'run state': record.state };
  for (const [metric, value] of Object.entries(record.metrics)) facts[`run metric ${metric}`] = String(value);
  facts['run outputs'] = JSON.stringify(record.outputs);
  for (const { name } of await listAll(store, 'results/')) {
    const result = await readResult(store, name.slice('results/'.length, -'.json'.length));
    if (result === null) continue;
    const of = `${result.path} ${result.key.slice(-12)}`;
    for (const [output, { tree }] of Object.entries(result.outputs)) facts[`${of} output ${output}`] = tree;
    for (const [metric, value] of Object.entries(result.metrics)) facts[`${of} metric ${metric}`] = String(value);
  }
  for (const { name } of await listAll(store, 'loops/')) {
    const [, loopKey = '', index] = /^loops\/([^/]+)\/(\d+)\.json$/.exec(name) ?? [];
    const click = index === undefined ? null : await readClick(store, loopKey, Number(index));
    if (click === null) continue;
    const { carry, keys, metrics } = click;
    facts[`click ${click.index} of ${loopKey.slice(-12)}`] = JSON.stringify({ carry, keys, metrics });
  }
  return facts;
}

/** The points of an MLflow server: each metric and step, how often it is there and with which values. */
export async function pointsIn(url: string, experiment: string): Promise<Facts> {
  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`MLflow answered ${answer.status} to ${path}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const found = await ask<{ experiment: { experiment_id: string } }>(
    `experiments/get-by-name?experiment_name=${encodeURIComponent(experiment)}`,
  );
  const { runs = [] } = await ask<{ runs?: MlflowRun[] }>('runs/search', {
    experiment_ids: [found.experiment.experiment_id],
    max_results: 100,
  });
  const facts: Facts = { 'MLflow runs': String(runs.length) };
  for (const { info, data } of runs) {
    facts['MLflow status'] = info.status;
    for (const { key } of data.metrics ?? []) {
      const query = `run_id=${info.run_id}&metric_key=${encodeURIComponent(key)}&max_results=25000`;
      const { metrics = [] } = await ask<{ metrics?: { step: string | number; value: number }[] }>(
        `metrics/get-history?${query}`,
      );
      const values = new Map<string, number[]>();
      for (const { step, value } of metrics) values.set(String(step), [...(values.get(String(step)) ?? []), value]);
      for (const [step, all] of values) facts[`MLflow ${key} at ${step}`] = all.sort((a, b) => a - b).join(' and ');
    }
  }
  return facts;
}

interface MlflowRun {
  info: { run_id: string; status: string };
  data: { metrics?: { key: string }[] };
}

/** What differs, one line each; empty when nothing does. Pure. */
export function differences(expected: Facts, found: Facts): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return names
    .filter((name) => expected[name] !== found[name])
    .map((name) => `${name}: ${short(expected[name])} undisturbed, ${short(found[name])} here`);
}

const short = (value: string | undefined): string =>
  value === undefined ? 'absent' : value.length > 90 ? `${value.slice(0, 87)}...` : value;
