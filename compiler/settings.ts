// How a step is tried, bounded, checkpointed and placed: its own keys over `defaults` over Pawl's defaults. For a step of
// an inlined file: its own, those of the steps that inline it, `defaults` of its file, and of the files around.
import type { Checkpoint, FailureClass, Resources, Retry } from '../schemas/generated/plan.js';
import { allFailureClasses } from '../schemas/failures.js';
import type { AuthoredMap } from './authored.js';
import { child, childMap, childNumber, childString, childStrings } from './authored.js';
import { parseDuration, parseEvery } from './durations.js';
import type { Step } from './pipeline.js';

export interface Settings {
  retry: Retry;
  checkpoint: Checkpoint;
  resources: Resources;
  timeoutMs: number | null;
  deadlineMs: number | null;
  cache: boolean;
  failFast: boolean;
}

const pawlDefaults: Settings = {
  retry: { attempts: 3, backoffMs: 5000, maxBackoffMs: 300_000, for: null },
  checkpoint: { everySteps: null, everyMs: 120_000, keepLast: 2 },
  resources: { gpus: 0, labels: [] },
  timeoutMs: null,
  deadlineMs: null,
  cache: true,
  failFast: false,
};

/**
 * The settings of a step, every default written out; times in milliseconds. `cache` is what holds where nothing says. For a
 * pipeline without errors. Pure.
 */
export const settingsOf = (step: Step, cache = true): Settings =>
  settingLayers(step).reduceRight((below, map) => overlay(map, below), { ...pawlDefaults, cache });

/** What says how a step is run, the strongest first. Pure. */
export function settingLayers(step: Step): (AuthoredMap | undefined)[] {
  const units = [step.scope.unit];
  for (let { by } = step.scope.unit; by !== null; by = by.scope.unit.by) units.push(by.scope.unit);
  const steps = [step.map, ...units.flatMap(({ by }) => (by === null ? [] : [by.map]))];
  return [...steps, ...units.map(({ root }) => childMap(root, 'defaults'))];
}

function overlay(map: AuthoredMap | undefined, below: Settings): Settings {
  return {
    retry: overlayRetry(childMap(map, 'retry'), below.retry),
    checkpoint: overlayCheckpoint(childMap(map, 'checkpoint'), below.checkpoint),
    resources: overlayResources(childMap(map, 'resources'), below.resources),
    timeoutMs: durationOf(map, 'timeout') ?? below.timeoutMs,
    deadlineMs: durationOf(map, 'deadline') ?? below.deadlineMs,
    cache: flagOf(map, 'cache') ?? below.cache,
    failFast: flagOf(map, 'fail-fast') ?? below.failFast,
  };
}

const overlayRetry = (map: AuthoredMap | undefined, below: Retry): Retry => ({
  attempts: childNumber(map, 'attempts') ?? below.attempts,
  backoffMs: durationOf(map, 'backoff') ?? below.backoffMs,
  maxBackoffMs: durationOf(map, 'max-backoff') ?? below.maxBackoffMs,
  for: map?.entries.has('for') === true ? classesOf(map) : below.for,
});

function overlayCheckpoint(map: AuthoredMap | undefined, below: Checkpoint): Checkpoint {
  const { everySteps, everyMs } = parseEvery(childString(map, 'every') ?? '') ?? below;
  return { everySteps, everyMs, keepLast: childNumber(childMap(map, 'keep'), 'last') ?? below.keepLast };
}

const overlayResources = (map: AuthoredMap | undefined, below: Resources): Resources => ({
  gpus: childNumber(map, 'gpus') ?? below.gpus,
  labels: map?.entries.has('labels') === true ? sortedTexts(map, 'labels') : below.labels,
});

function durationOf(map: AuthoredMap | undefined, name: string): number | null {
  const text = childString(map, name);
  return text === undefined ? null : parseDuration(text);
}

/** A setting that is true or false; undefined where the map does not say. Pure. */
export function flagOf(map: AuthoredMap | undefined, name: string): boolean | undefined {
  const value = child(map, name);
  return value?.form === 'scalar' && typeof value.value === 'boolean' ? value.value : undefined;
}

/** In the order of the table of classes, so that the order in the file changes no byte. */
function classesOf(retry: AuthoredMap): FailureClass[] {
  const named = new Set(childStrings(retry, 'for').map(({ value }) => value));
  return allFailureClasses().filter((item) => named.has(item));
}

/** As a set: sorted, each once. */
const sortedTexts = (map: AuthoredMap, name: string): string[] =>
  [...new Set(childStrings(map, name).map(({ value }) => value))].sort();
