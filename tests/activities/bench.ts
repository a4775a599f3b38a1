// A host on a real folder store in a temporary folder, and calls as the interpreter makes them.
import type { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActivityFunction } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createArtifactCache } from '../../activities/artifact-cache.js';
import { noObserver } from '../../activities/observer.js';
import { openWorkRoot } from '../../activities/attempt.js';
import type { InputValue, RunInfo, FreshStepCall, StepCall, StepOutcome } from '../../activities/calls.js';
import { createMutex } from '../../activities/engine/mutex.js';
import { createEngine } from '../../activities/engine/engine.js';
import type { Host, Slot } from '../../activities/host.js';
import { kindImplementations } from '../../activities/kinds/index.js';
import type { KindImplementation } from '../../activities/kind.js';
import type { PulseDetails } from '../../activities/pulse.js';
import { stepActivity } from '../../activities/run-step.js';
import type { Tracker } from '../../activities/tracker.js';
import { createVolatileResults } from '../../activities/volatile-results.js';
import { deriveStep } from '../../schemas/derivation.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import type { PlanKind } from '../../schemas/generated/plan.js';
import type { ObjectStore } from '../../store/store.js';
import { openStore } from '../../store/open.js';
import { fixtureOptions } from './engine/fixture.js';

export interface Bench {
  home: string;
  store: ObjectStore;
  host: Host;
  run: RunInfo;
  /** What the tracker was told, by name of the call. */
  told: { name: string; bytes?: number; iterations?: number[] }[];
  slot(): Slot;
  close(): Promise<void>;
}

/** Opens a bench; `close` removes it. */
export async function openBench(): Promise<Bench> {
  const home = await mkdtemp(join(tmpdir(), 'pawl-steps-'));
  const store = await openStore(join(home, 'store'));
  const told: Bench['told'] = [];
  const tracker: Tracker = {
    checkpointed: (mark) => void told.push({ name: 'checkpointed', bytes: mark.bytes }),
    stepCommitted: (mark) => void told.push({ name: 'stepCommitted', bytes: mark.bytes }),
    clicked: ({ iterations }) => void told.push({ name: 'clicked', iterations: iterations.map(({ index }) => index) }),
    runRecorded: () => void told.push({ name: 'runRecorded' }),
    flush: () => Promise.resolve(),
  };
  const host: Host = {
    store,
    storeUrl: join(home, 'store'),
    name: 'here',
    volatile: createVolatileResults(),
    workRoot: (await openWorkRoot(home, Date.now())).path,
    cache: createArtifactCache(store, join(home, 'cache'), 1e9),
    environment: () => Promise.resolve({}),
    kinds: stepKinds,
    tracker,
    observer: noObserver,
    programs: { variables: { PATH: process.env.PATH }, binFolder: null, logFolder: join(home, 'logs') },
    runPage: () => null,
    clock: Date.now,
    pulseEveryMs: 20,
    claimEveryMs: 200,
    claimPollMs: 20,
  };
  const run = { workflowId: 'tests/one', runId: 'run-1', planHash: 'sha256:0', storeId: store.id, pipeline: 'tests' };
  const slots: Slot[] = [];
  return {
    home,
    store,
    host,
    run,
    told,
    slot() {
      const slot = { engine: createEngine(fixtureOptions(home)), mutex: createMutex(), hostQueue: 'trainer@here' };
      slots.push(slot);
      return slot;
    },
    async close() {
      for (const { engine } of slots) await engine.stop();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What a plan holds of a kind. */
export function planKind(name: string): PlanKind {
  const kind = stepKinds[name];
  if (kind === undefined) throw new Error(`no kind ${name}`);
  const inputs = Object.entries(kind.inputs).map(([input, declared]) => [
    input,
    {
      artifact: 'artifact' in declared ? declared.artifact : null,
      required: false,
      checkpointKey: !('checkpointKey' in declared) || declared.checkpointKey,
    },
  ]);
  const outputs = Object.entries(kind.outputs).map(([output, { artifact }]) => [output, artifact]);
  const { version, runs, seeded, checkpoints, environment } = kind;
  return {
    version,
    runs,
    seeded,
    checkpoints,
    environment,
    inputs: Object.fromEntries(inputs) as PlanKind['inputs'],
    outputs: Object.fromEntries(outputs) as PlanKind['outputs'],
    metrics: Object.keys(kind.metrics),
  };
}

/** The call of a step as the interpreter makes it after `resolve`. */
export function callOf(
  bench: Bench,
  uses: string,
  inputs: Record<string, InputValue>,
  change: Partial<StepCall> = {},
): StepCall {
  const kind = planKind(uses);
  const { key, checkpointKey, seed } = deriveStep({
    kindName: uses,
    kind,
    inputs,
    runSeed: 0,
    indices: [],
    environment: {},
  });
  return {
    run: bench.run,
    path: 'nap',
    uses,
    version: kind.version,
    key,
    checkpointKey,
    inputs,
    seed,
    outputs: kind.outputs,
    checkpoint: { everySteps: 1, everyMs: null, keepLast: 2 },
    retry: { attempts: 3, backoffMs: 1000, maxBackoffMs: 3000, for: null },
    ...change,
  };
}

export interface Attempt {
  environment: MockActivityEnvironment;
  heartbeats: PulseDetails[];
  outcome: Promise<StepOutcome>;
}

type Asked = [StepCall | FreshStepCall];

/** Starts an attempt in a mocked activity context; a kind of the table unless an implementation is given. */
export function attempt(
  bench: Bench,
  call: StepCall | FreshStepCall,
  options: { number?: number; heartbeat?: unknown; slot?: Slot; kind?: KindImplementation; host?: Partial<Host> } = {},
): Attempt {
  const scheduled = { scheduledTimestampMs: Date.now(), startToCloseTimeoutMs: 1e9, heartbeatTimeoutMs: 10_000 };
  const info = { ...scheduled, attempt: options.number ?? 1, heartbeatDetails: options.heartbeat };
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  const heartbeats: PulseDetails[] = [];
  (environment as EventEmitter).on('heartbeat', (details: PulseDetails) => heartbeats.push(details));
  const { kind } = options;
  const load = kind === undefined ? kindImplementations[call.uses] : () => Promise.resolve(kind);
  if (load === undefined) throw new Error(`no implementation of ${call.uses}`);
  const activity = stepActivity({ ...bench.host, ...options.host }, options.slot ?? null, load);
  const outcome = environment.run<Asked, StepOutcome, ActivityFunction<Asked, StepOutcome>>(activity, call);
  outcome.catch(() => undefined);
  return { environment, heartbeats, outcome };
}
