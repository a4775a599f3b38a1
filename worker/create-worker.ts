// The composition root: store, tracker, engines and activities, and a Temporal worker for each queue they serve.
// Owns: the connection, the workers, the engines. I1: when run() has resolved, no trainer process is left.
import { existsSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection, Worker, type WorkerInterceptors, type WorkerOptions } from '@temporalio/worker';
import { createArtifactCache } from '../activities/artifact-cache.js';
import { closeWorkRoot, noteTrainer, openWorkRoot } from '../activities/attempt.js';
import { createEngine } from '../activities/engine/engine.js';
import { createMutex } from '../activities/engine/mutex.js';
import { createEnvironment } from '../activities/environment.js';
import type { Host, Slot } from '../activities/host.js';
import type { Observer } from '../activities/observer.js';
import type { Tracker } from '../activities/tracker.js';
import { createVolatileResults } from '../activities/volatile-results.js';
import { workflowPage } from '../local/addresses.js';
import { payloadCodecOf } from '../local/payload-codec.js';
import { reachable, refusalByServer, unreachable } from '../local/connect.js';
import type { TemporalConfig, TrainerQueue } from '../schemas/config.js';
import { localFilesIn } from '../store/host-cache.js';
import { observedStore, type Told } from '../store/observed.js';
import { openStore } from '../store/open.js';
import { hostActivities, trainerActivities, workflowQueueActivities } from './activities.js';
import { failureConverterPath, workflowsPath } from './bundle.js';
import { openFaults } from './faults.js';
import { healthOf } from './health.js';
import { deploymentOptions } from './deployment.js';
import { hostName, hostQueueOf } from './host-queue.js';
import { kindsOf, type WorkerKinds } from './kinds.js';
import type { Health } from './operations-server.js';
import { stepEnds, type StepEnd } from './step-ends.js';

export interface RunningWorker {
  /** The queues that are served, the host's own among them. */
  queues: string[];
  /** Polls until shutdown() or until a worker fails; then ends everything that was started. */
  run(): Promise<void>;
  /** Asks running steps to checkpoint and to go back to their queues. */
  shutdown(): void;
  /** Whether it can take steps now. Answers within seconds. */
  health(): Promise<Health>;
}

/** What is told what the worker does. */
export interface Attached {
  makeTracker: (host: Pick<Host, 'store'>) => Tracker;
  observer: Observer;
  stepEnded: (end: StepEnd) => void;
  trainerStarted: (queue: string) => void;
  /** Null = nobody wants to know. */
  storeRequest: Told | null;
}

/** Checkpoints at the end must fit into the time that a supervisor grants. */
const shutdownForceTime = '60s';
const cancelGraceMs = 12_000;
const trackerFlushMs = 3_000;
/** What only this host may run is taken at once, so that it is not missed: for the trainer it waits here, heartbeating. */
const waitingHere = 8;

/** Connects and builds everything; nothing is polled before run(). Fails with KindError, StoreError or LocalError. */
export async function createWorker(config: TemporalConfig, attached: Attached): Promise<RunningWorker> {
  const kinds = kindsOf(config);
  const { host, hadTrainer } = await openHost(config, kinds, attached);
  const connected: Connected = {
    connection: await connect(config),
    dataConverter: await dataConverterOf(config),
    interceptors: { activity: [stepEnds(attached.stepEnded)] },
  };
  const slots = config.trainers.map((trainer) => ({
    trainer,
    slot: createSlot(config, trainer, { kinds, attached, workRoot: host.workRoot }),
  }));
  const workers = [await workflowWorker(config, connected, workflowQueueActivities(host, kinds.implementations))];
  for (const { trainer, slot } of slots) {
    const activities = trainerActivities(host, kinds.implementations, slot);
    workers.push(await activityWorker(config, connected, { queue: trainer.queue, activities, atOnce: 1 }));
    workers.push(await activityWorker(config, connected, { queue: slot.hostQueue, activities, atOnce: waitingHere }));
  }
  const own = hostActivities(host, kinds.implementations);
  const ownQueue = hostQueueOf(config.workflowQueue, config.home);
  workers.push(await activityWorker(config, connected, { queue: ownQueue, activities: own, atOnce: waitingHere }));
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return {
    queues: workers.map((worker) => worker.options.taskQueue),
    shutdown,
    health: () => healthOf(workers, connected.connection, host.store),
    async run() {
      // A step of a worker that was killed comes back in seconds; a trainer takes as many to start.
      if (hadTrainer) for (const { slot } of slots) void slot.engine.warm();
      try {
        await Promise.all(workers.map((worker) => worker.run().finally(shutdown)));
      } finally {
        await Promise.all(slots.map(({ slot }) => slot.engine.stop()));
        await flushed(host.tracker);
        await closeWorkRoot(host.workRoot);
        await connected.connection.close().catch(() => undefined);
      }
    },
  };
}

async function openHost(
  config: TemporalConfig,
  kinds: WorkerKinds,
  { makeTracker, observer, storeRequest }: Attached,
): Promise<{ host: Host; hadTrainer: boolean }> {
  const cacheDir = join(config.home, 'cache');
  const opened = await openStore(config.store, { localFiles: localFilesIn(cacheDir) });
  const faulty = config.faults === null ? opened : openFaults(config.faults).store(opened);
  const store = storeRequest === null ? faulty : observedStore(faulty, storeRequest);
  const { path: workRoot, hadTrainer } = await openWorkRoot(config.home, Date.now());
  const host: Host = {
    store,
    storeUrl: config.store,
    name: hostName(config.home),
    volatile: createVolatileResults(),
    workRoot,
    cache: createArtifactCache(store, cacheDir, config.hostCacheBytes),
    environment: createEnvironment(config.trainer.python),
    kinds: kinds.declarations,
    tracker: makeTracker({ store }),
    observer,
    programs: {
      variables: process.env, // handed on by name only: what a command declares
      binFolder: isAbsolute(config.trainer.python) ? dirname(config.trainer.python) : null,
      logFolder: join(config.home, 'logs'),
    },
    runPage: (workflowId) => workflowPage(config, workflowId),
    clock: Date.now,
    pulseEveryMs: 1_500,
    claimEveryMs: 5_000,
    claimPollMs: 1_000,
  };
  return { host, hadTrainer };
}

async function connect(config: TemporalConfig): Promise<NativeConnection> {
  const options = await reachable(config);
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    throw unreachable(config, refusalByServer(error));
  }
}

function createSlot(
  config: TemporalConfig,
  { queue, gpus }: TrainerQueue,
  { kinds, attached, workRoot }: { kinds: WorkerKinds; attached: Attached; workRoot: string },
): Slot {
  const engine = createEngine({
    command: config.trainer.python,
    args: ['-m', 'pawl_trainer'],
    pythonPath: [join(config.packageRoot, 'trainer'), ...kinds.pythonFolders].join(delimiter),
    logFile: join(config.home, 'logs', `trainer-${queue}.log`),
    threads: config.trainer.threads,
    processes: Math.max(1, gpus),
    cacheBytes: config.trainer.cacheBytes,
    startTimeoutMs: 120_000,
    killGraceMs: 5_000,
    onStart() {
      attached.trainerStarted(queue);
      noteTrainer(workRoot).catch(() => undefined); // then the next worker does not start one ahead
    },
    cancelGraceMs,
  });
  const faulty = config.faults === null ? engine : openFaults(config.faults).engine(engine);
  return { engine: faulty, mutex: createMutex(), hostQueue: hostQueueOf(queue, config.home) };
}

/** What all workers of the process share. */
interface Connected {
  connection: NativeConnection;
  dataConverter: DataConverter;
  interceptors: WorkerInterceptors;
}

/** With a codec, messages of failures go through it as well. */
export const dataConverterOf = async (config: TemporalConfig): Promise<DataConverter> => ({
  payloadCodecs: [await payloadCodecOf(config)],
  ...(config.temporal.codec === null ? {} : { failureConverterPath: failureConverterPath() }),
});

function commonOptions(config: TemporalConfig, connected: Connected): Omit<WorkerOptions, 'taskQueue'> {
  return {
    ...connected,
    ...deploymentOptions(config),
    namespace: config.temporal.namespace,
    shutdownGraceTime: '1s',
    shutdownForceTime,
    // A heartbeat is news: by default it would be held back for most of its time-out.
    maxHeartbeatThrottleInterval: '2s',
    defaultHeartbeatThrottleInterval: '2s',
  };
}

function workflowWorker(config: TemporalConfig, connected: Connected, activities: object): Promise<Worker> {
  const codePath = join(config.packageRoot, 'dist', 'workflow-bundle.js');
  // The bundle of the build writes failures plainly: with a codec another one is made at the start, within a second or two.
  const isBundled = config.temporal.codec === null && existsSync(codePath);
  return Worker.create({
    ...commonOptions(config, connected),
    ...(isBundled ? { workflowBundle: { codePath } } : { workflowsPath: workflowsPath() }),
    taskQueue: config.workflowQueue,
    activities,
    maxConcurrentActivityTaskExecutions: 32,
    maxConcurrentWorkflowTaskPolls: 2,
    maxConcurrentActivityTaskPolls: 2,
    maxCachedWorkflows: 100,
    // After a worker was killed, its workflows wait so long for its private queue before any other may have them.
    stickyQueueScheduleToStartTimeout: '2s',
  });
}

const activityWorker = (
  config: TemporalConfig,
  connected: Connected,
  { queue, activities, atOnce }: { queue: string; activities: object; atOnce: number },
): Promise<Worker> =>
  Worker.create({
    ...commonOptions(config, connected),
    taskQueue: queue,
    activities,
    maxConcurrentActivityTaskExecutions: atOnce,
    maxConcurrentActivityTaskPolls: 1,
  });

/** What the tracker cannot send now is found again from the store. */
async function flushed(tracker: Tracker): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, trackerFlushMs)));
  await Promise.race([tracker.flush(), late]).catch(() => undefined);
  clearTimeout(timer);
}
