// The part of MLflow's REST API 2.0 that Pawl uses, on the built-in fetch.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMlflowError, isPassing, MlflowError } from './mlflow-error.js';

/** MLflow refuses a log-batch beyond these. */
export const batchLimits = {
  metrics: 1000,
  params: 100,
  tags: 100,
  keyLength: 250,
  paramLength: 6000,
  tagLength: 5000,
} as const;

export interface Point {
  key: string;
  value: number;
  step: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

export interface KeyValue {
  key: string;
  value: string;
}

export type RunStatus = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface NewRun {
  experimentId: string;
  name: string;
  startMs: number;
  tags: KeyValue[];
}

/** Every call fails with MlflowError only. All but logBatch and createRun are safe to repeat, and repeat themselves. */
export interface MlflowClient {
  readonly url: string;
  /** Id of the experiment of this name, made when it is not there. Safe for two at once. */
  experiment(name: string): Promise<string>;
  createRun(run: NewRun): Promise<string>;
  /** Ids of the runs that have all these tags, the oldest first. */
  findRuns(experimentId: string, tags: KeyValue[]): Promise<string[]>;
  updateRun(runId: string, update: { status: RunStatus; endMs: number | null }): Promise<void>;
  deleteRun(runId: string): Promise<void>;
  /** Appends at most 1000 points, once: after a failure ask `history` before sending them again. */
  logPoints(runId: string, points: Point[]): Promise<void>;
  /** Writes parameters; the same value again is fine, another one is refused by MLflow. */
  logParams(runId: string, params: KeyValue[]): Promise<void>;
  setTags(runId: string, tags: KeyValue[]): Promise<void>;
  /** Every point of a metric, in no particular order. */
  history(runId: string, key: string): Promise<{ step: number; value: number; timestamp: number }[]>;
}

export interface ClientOptions {
  url: string;
  /** Of one request, ms. */
  timeoutMs?: number;
  /** Times that a call is repeated after a passing trouble. */
  retries?: number;
}

/** A client; nothing is sent before the first call. */
export function createMlflowClient(options: ClientOptions): MlflowClient {
  const url = options.url.replace(/\/+$/, '');
  const send = sender(url, options.timeoutMs ?? 10_000);
  const call = repeating(send, options.retries ?? 2);
  return {
    url,
    experiment: (name) => experimentOf(call, name),
    async createRun({ experimentId, name, startMs, tags }) {
      const body = { experiment_id: experimentId, run_name: name, start_time: startMs, tags };
      const answer = await send<{ run: { info: { run_id: string } } }>('POST', 'runs/create', body);
      return answer.run.info.run_id;
    },
    async findRuns(experimentId, tags) {
      const filter = tags.map(({ key, value }) => `tags.\`${key}\` = '${value.replaceAll("'", "\\'")}'`).join(' and ');
      const body = { experiment_ids: [experimentId], filter, max_results: 10, order_by: ['attributes.start_time ASC'] };
      const answer = await call<{ runs?: { info: { run_id: string } }[] }>('POST', 'runs/search', body);
      return (answer.runs ?? []).map(({ info }) => info.run_id);
    },
    async updateRun(runId, { status, endMs }) {
      await call('POST', 'runs/update', { run_id: runId, status, ...(endMs === null ? {} : { end_time: endMs }) });
    },
    deleteRun: async (runId) => void (await call('POST', 'runs/delete', { run_id: runId })),
    logPoints: async (runId, metrics) => void (await send('POST', 'runs/log-batch', { run_id: runId, metrics })),
    logParams: (runId, params) =>
      inBatches(params, batchLimits.params, (part) => call('POST', 'runs/log-batch', { run_id: runId, params: part })),
    setTags: (runId, tags) =>
      inBatches(tags, batchLimits.tags, (part) => call('POST', 'runs/log-batch', { run_id: runId, tags: part })),
    history: (runId, key) => historyOf(call, runId, key),
  };
}

type Call = <T>(method: 'GET' | 'POST', path: string, body: Record<string, unknown>) => Promise<T>;

async function experimentOf(call: Call, name: string): Promise<string> {
  for (;;) {
    try {
      const found = await call<{ experiment: { experiment_id: string; lifecycle_stage?: string } }>(
        'GET',
        'experiments/get-by-name',
        { experiment_name: name },
      );
      if (found.experiment.lifecycle_stage === 'deleted') {
        throw new MlflowError(
          'INVALID_STATE',
          null,
          `the experiment \`${name}\` is in MLflow's bin: restore it there, or name another in temporal.config.ts`,
        );
      }
      return found.experiment.experiment_id;
    } catch (error) {
      if (!isMlflowError(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    try {
      return (await call<{ experiment_id: string }>('POST', 'experiments/create', { name })).experiment_id;
    } catch (error) {
      // Another worker was faster: it can be found now.
      if (!isMlflowError(error, 'RESOURCE_ALREADY_EXISTS')) throw error;
    }
  }
}

async function historyOf(
  call: Call,
  runId: string,
  key: string,
): Promise<{ step: number; value: number; timestamp: number }[]> {
  const points: { step: number; value: number; timestamp: number }[] = [];
  let page: string | undefined;
  do {
    const query = {
      run_id: runId,
      metric_key: key,
      max_results: 5000,
      ...(page === undefined ? {} : { page_token: page }),
    };
    const answer = await call<{
      metrics?: { step?: number | string; value: number; timestamp: number | string }[];
      next_page_token?: string;
    }>('GET', 'metrics/get-history', query);
    for (const { step, value, timestamp } of answer.metrics ?? []) {
      points.push({ step: Number(step ?? 0), value, timestamp: Number(timestamp) });
    }
    page = answer.next_page_token === '' ? undefined : answer.next_page_token;
  } while (page !== undefined);
  return points;
}

async function inBatches<T>(items: T[], size: number, work: (part: T[]) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < items.length; start += size) await work(items.slice(start, start + size));
}

function sender(url: string, timeoutMs: number): Call {
  return async <T>(method: 'GET' | 'POST', path: string, body: Record<string, unknown>): Promise<T> => {
    const target = new URL(`${url}/api/2.0/mlflow/${path}`);
    if (method === 'GET')
      for (const [name, value] of Object.entries(body)) target.searchParams.set(name, String(value));
    let status: number;
    let text: string;
    try {
      const answer = await fetch(target, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        ...(method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
      });
      status = answer.status;
      text = await answer.text();
    } catch (error) {
      throw new MlflowError('unreachable', null, `no answer from ${url}: ${reasonOf(error, timeoutMs)}`);
    }
    const value = parseObject(text);
    if (status < 300 && value !== null) return value as T;
    const code = typeof value?.error_code === 'string' ? value.error_code : 'http';
    const message = typeof value?.message === 'string' ? value.message : text.slice(0, 200);
    throw new MlflowError(code, status, `${url} refuses ${path} (${code}, HTTP ${status}): ${message}`);
  };
}

function repeating(send: Call, retries: number): Call {
  return async <T>(...call: Parameters<Call>): Promise<T> => {
    for (let tried = 0; ; tried++) {
      try {
        return await send<T>(...call);
      } catch (error) {
        if (!(error instanceof MlflowError) || !isPassing(error) || tried >= retries) throw error;
        await sleep(200 * 2 ** tried);
      }
    }
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing within ${timeoutMs / 1000} s`;
  const cause = error.cause;
  return cause instanceof Error
    ? cause.message || ((cause as NodeJS.ErrnoException).code ?? error.message)
    : error.message;
}
