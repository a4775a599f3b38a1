// Replays histories against the workflow code of this installation: whether runs under way can go on with it, and if not, the
// first event that it would not have made.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import type { TemporalConfig } from '../schemas/config.js';
import { workflowsPath } from './bundle.js';
import { dataConverterOf } from './create-worker.js';

type History = ReturnType<typeof historyFromJSON>;
type HistoryEvent = NonNullable<History['events']>[number];

export interface RecordedHistory {
  workflowId: string;
  history: History;
}

export interface Replayed {
  workflowId: string;
  /** Events of the history. */
  events: number;
  /** Null: the code makes what the history holds. */
  difference: Difference | null;
}

export interface Difference {
  /** Number of the first event that the code would not have made. */
  event: number;
  /** In words of the SDK: ActivityTaskScheduled. */
  type: string;
  /** What the SDK says about it. */
  message: string;
}

/** The code that workers of this installation run, and how it reads what Temporal keeps. */
export async function workflowCode(config: TemporalConfig): Promise<ReplayWorkerOptions> {
  const codePath = join(config.packageRoot, 'dist', 'workflow-bundle.js');
  const isBundled = config.temporal.codec === null && existsSync(codePath);
  const code = isBundled ? { workflowBundle: { codePath } } : { workflowsPath: workflowsPath() };
  return { ...code, dataConverter: await dataConverterOf(config) };
}

/** Keeps the SDK from writing: what it has to say is in the result. Before the first replay of the process. */
export function quietReplay(): void {
  const logging = { filter: 'OFF', forward: {} };
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), telemetryOptions: { logging } });
}

/** A history from JSON, as `temporal workflow show --output json` writes it; null when it is none. */
export function historyOf(value: unknown, fallbackId: string): RecordedHistory | null {
  if (typeof value !== 'object' || value === null) return null;
  const { workflowId = fallbackId, history = value } = value as { workflowId?: unknown; history?: unknown };
  const { events } = history as { events?: unknown };
  if (!Array.isArray(events) || events.length === 0 || typeof workflowId !== 'string') return null;
  return { workflowId, history: historyFromJSON(history) };
}

/** Replays one history. Fails when the history is no whole one, or the code cannot be loaded. */
export async function replay(code: ReplayWorkerOptions, { workflowId, history }: RecordedHistory): Promise<Replayed> {
  const events = history.events ?? [];
  const differenceIn = async (count: number): Promise<Error | null> => {
    try {
      await Worker.runReplayHistory(code, { events: events.slice(0, count) }, workflowId);
      return null;
    } catch (error) {
      // The SDK does not export its class.
      if (error instanceof Error && error.name === 'DeterminismViolationError') return error;
      throw error;
    }
  };
  const error = await differenceIn(events.length);
  if (error === null) return { workflowId, events: events.length, difference: null };
  // The first event with which the replay fails is the one that differs: before it the history could go on either way.
  let [good, bad] = [2, events.length];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if ((await differenceIn(middle)) === null) good = middle;
    else bad = middle;
  }
  const difference = { event: bad, type: typeOf(events[bad - 1]), message: wordsOf(error) };
  return { workflowId, events: events.length, difference };
}

/** By the attributes that it has. */
function typeOf(event: HistoryEvent | undefined): string {
  const name = Object.entries(event ?? {}).find(([field, value]) => field.endsWith('EventAttributes') && value != null);
  const words = name?.[0].replace(/EventAttributes$/, '') ?? 'event';
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

const wordsOf = ({ message }: Error): string => /message: "((?:[^"\\]|\\.)*)"/.exec(message)?.[1] ?? message;
