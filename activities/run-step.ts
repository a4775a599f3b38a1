// The one wrapper around every step kind: claim, folder, inputs, newest checkpoint, the kind, outputs, commit, outcome.
// I1: nothing is visible in the store under the key before the commit. I2: the first commit wins, a late one is discarded.
// I3: whatever ends an attempt, its heartbeat stops and its folder is removed; its claim is freed, unless a result stands.
// Heartbeat: PulseDetails every pulseEveryMs. Resumes from the newest valid checkpoint of any attempt.
import { Context } from '@temporalio/activity';
import { checkpointLimit } from '../schemas/derivation.js';
import type { Checkpoint, Derivation } from '../schemas/generated/records.js';
import { filledLedger } from '../schemas/lost-time.js';
import { loadCheckpoint, newestCheckpoint } from '../store/checkpoints.js';
import { collectionsSeen, type Seen } from '../store/collection.js';
import { fencedStore } from '../store/fenced.js';
import { attemptName, closeAttemptFolder, openAttemptFolder } from './attempt.js';
import type { CacheLease } from './artifact-cache.js';
import { withLog } from './attempt-log.js';
import type { FreshStepCall, StepCall, StepOutcome } from './calls.js';
import { createCheckpointKeeper } from './checkpoint-keeper.js';
import { claimOrWait, claimRun } from './claim.js';
import { commitAttempt, type DoneAttempt } from './commit-attempt.js';
import { finiteOrNull, outcomeOf, standingResult } from './commit-step.js';
import { derivationOf, refuseNewerKind, withKeys } from './derivation.js';
import { ending, refuseExhausted } from './ending.js';
import { refuseForeignStore, type Host, type Slot } from './host.js';
import { openJournal, type JournalStart } from './journal.js';
import type { KindImplementation, KindInput } from './kind.js';
import { kindContext } from './kind-context.js';
import { countAttempts, readPulse, startPulse, stoppedAttempt, type Pulse } from './pulse.js';
import { refuseCombinations } from './refuse-combinations.js';
import { withDeclaredDefaults } from './declared-defaults.js';
import { stageInputs } from './stage-inputs.js';
import { stageShards, type StagedShards } from './stage-shards.js';
import { startStopwatch, timesOf, type Stopwatch } from './stopwatch.js';
import { heldHere, type Ended } from './volatile-step.js';

export type StepActivity = (call: StepCall | FreshStepCall) => Promise<StepOutcome>;

/**
 * The activity of a kind. Safe to run any number of times: a committed result is returned as it is. Fails only with
 * ApplicationFailure (see failure.ts) or CancelledFailure.
 */
export const stepActivity =
  (host: Host, slot: Slot | null, implementation: () => Promise<KindImplementation>): StepActivity =>
  async (asked) => {
    const context = Context.current();
    const call = withKeys(asked);
    // A store out of reach must not keep the attempt from saying so by its usual way.
    const seen = await newestRecord(host, call).catch(() => undefined);
    const newest = seen?.step ?? null;
    const { attempt } = context.info;
    const last = readPulse(context.info.heartbeatDetails);
    const watch = startStopwatch(
      timesOf(context.info),
      stoppedAttempt(last, seen == null ? null : Date.parse(seen.createdAt)),
      host.clock,
    );
    const pulse = startPulse(
      {
        step: null,
        total: null,
        text: 'starting',
        metrics: {},
        checkpointStep: newest,
        attempt,
        attemptsWithoutProgress: countAttempts({ attempt, newest, last }),
        startedFrom: newest,
        time: watch.state,
        atMs: host.clock(),
        endedAs: null,
      },
      host.pulseEveryMs,
      (details) => context.heartbeat({ ...details, atMs: host.clock() }),
    );
    const stop = new AbortController();
    const signal = AbortSignal.any([context.cancellationSignal, stop.signal]);
    try {
      refuseExhausted(call, pulse);
      const run: StepRun = {
        host,
        slot,
        call,
        pulse,
        watch,
        signal,
        stopWith: (failure) => stop.abort(failure),
        number: attempt,
        seen,
      };
      const { made, found, volatile } = await inSlot(run, () => claimed(run, implementation));
      const where = { hostQueue: slot?.hostQueue ?? null, ...(volatile ? { host: host.name } : {}) };
      const outcome = outcomeOf(made, { attempts: attempt, ...where });
      const saved = found && made.run !== call.run.workflowId ? made.seconds : 0;
      return { ...outcome, found, ...filledLedger({ lost: watch.lost(), saved }) };
    } catch (error) {
      const stopped = stop.signal.aborted;
      const failure = ending({ call, host, pulse, watch, context, stopped }, stopped ? stop.signal.reason : error);
      pulse.beat(); // sent together with the failure: what the next attempt learns
      throw failure;
    } finally {
      pulse.stop();
    }
  };

interface StepRun {
  host: Host;
  slot: Slot | null;
  call: StepCall;
  pulse: Pulse;
  watch: Stopwatch;
  signal: AbortSignal;
  stopWith: (failure: unknown) => void;
  number: number;
  /** The newest checkpoint when the attempt began; undefined where the store did not say. */
  seen: Checkpoint | null | undefined;
}

/** Waits for the slot of the trainer, heartbeating, and keeps it while `work` runs. */
async function inSlot(run: StepRun, work: () => Promise<Ended>): Promise<Ended> {
  if (run.slot === null) {
    run.watch.ready();
    return work();
  }
  if (run.slot.mutex.held()) run.pulse.details.text = 'waiting for the trainer of this host';
  const release = await run.slot.mutex.acquire(run.signal);
  run.watch.ready();
  try {
    return await work();
  } finally {
    release();
  }
}

async function claimed(run: StepRun, implementation: () => Promise<KindImplementation>): Promise<Ended> {
  const { host, call, pulse } = run;
  refuseForeignStore(host, call.run);
  refuseNewerKind(call, host);
  const derivation = await derivationOf(call, host);
  const attempt = attemptName(host.clock());
  const lease = host.cache.lease();
  // Begun while the claim is looked at: nearly always it is free, and each wait for a disk is a wait for nothing else.
  pulse.details.text = 'fetching inputs';
  const staging = Promise.all([stageInputs(host, lease, call.inputs), stageShards(host, lease, call.shards)]);
  const opening = openAttemptFolder(host.workRoot, attempt);
  const collections = collectionsSeen(host.store);
  for (const begun of [staging, opening, collections]) begun.catch(() => undefined); // told where it is awaited
  try {
    const own = { attempt, lease, staging, opening, collections, derivation };
    const { volatile } = call;
    if (volatile === undefined) return await underClaim(run, own, implementation);
    return await heldHere(host, { ...call, volatile }, async () => worked(run, own, await implementation()));
  } finally {
    // Nobody waits for these. What a dying worker leaves is removed when the next one starts.
    void staging.catch(() => undefined).finally(() => lease.close());
    void opening.then(closeAttemptFolder).catch(() => undefined);
  }
}

async function underClaim(
  run: StepRun,
  own: Attempt,
  implementation: () => Promise<KindImplementation>,
): Promise<Ended> {
  const { host, call, pulse } = run;
  const claim = await claimOrWait(
    host,
    // A retry of this step has the same holder and run, so that it need not wait for its dead predecessor's claim.
    { key: call.key, holder: call.path, run: claimRun(call.run), attempt: own.attempt },
    {
      isDone: async () => (await standingResult(host.store, call.key)) !== null,
      waiting(holder) {
        run.watch.waits();
        pulse.details.text = `waiting for ${holder}`;
      },
      signal: run.signal,
    },
  );
  run.watch.ready();
  if (claim?.waited !== false) host.observer.claimWaited();
  if (claim === null) {
    const standing = await standingResult(host.store, call.key);
    return standing === null ? claimed(run, implementation) : { made: standing, found: true, volatile: false };
  }
  if (claim.waited) run.seen = undefined; // who held it may have left a newer one
  claim.lost.addEventListener('abort', () => run.stopWith(claim.lost.reason), { once: true });
  const fenced = { ...run, host: { ...host, store: fencedStore(host.store, () => claim.confirm()) } };
  try {
    // Looked for under the claim: an earlier attempt, or another run, may have committed just before leaving it.
    const standing = await standingResult(host.store, call.key);
    const made = standing ?? (await commitAttempt(fenced.host, await worked(fenced, own, await implementation())));
    claim.leave(); // not freed: that would be a write for nobody
    return { made, found: standing !== null, volatile: false };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

interface Attempt {
  attempt: string;
  opening: Promise<string>;
  lease: CacheLease;
  collections: Promise<Seen>;
  staging: Promise<[inputs: Record<string, KindInput>, shards: StagedShards | null]>;
  derivation: Derivation;
}

async function worked(run: StepRun, own: Attempt, implementation: KindImplementation): Promise<DoneAttempt> {
  const { host, call, pulse, slot } = run;
  const { attempt, lease, derivation } = own;
  const startedAt = host.clock();
  // `key` tells a later attempt where this one's journal is.
  const provenance = (): Record<string, string> => ({
    node: process.version,
    key: call.key,
    ...slot?.engine.provenance(),
  });
  const [folder, [inputs, shards], resumed, collections] = await Promise.all([
    own.opening,
    own.staging,
    resumable(run, lease),
    own.collections,
  ]);
  const journal = await openJournal(
    host.store,
    { key: call.key, attempt },
    resumed && journalStart(resumed.record),
    host.clock,
  );
  const mark = { run: call.run, path: call.path, key: call.key, attempt };
  const checkpoints = createCheckpointKeeper({
    store: host.store,
    checkpointKey: call.checkpointKey,
    attempt,
    keepLast: call.checkpoint.keepLast,
    journal,
    provenance,
    clock: host.clock,
    onSaved(step, journalBytes, takenMs, bytes) {
      run.watch.safe(takenMs);
      pulse.details.checkpointStep = step;
      pulse.beat();
      host.observer.checkpointWritten(bytes);
      host.tracker.checkpointed({ ...mark, bytes: journalBytes });
    },
  });
  const resume = resumed && { path: resumed.path, step: resumed.record.step };
  const warnings: string[] = [];
  run.signal.throwIfAborted();
  const kind = host.kinds[call.uses];
  if (kind !== undefined) refuseCombinations(kind, inputs);
  pulse.details.text = 'running';
  run.watch.works();
  const log = { workflowId: call.run.workflowId, path: call.path, attempt, number: run.number };
  const filled = kind === undefined ? inputs : withDeclaredDefaults(kind, inputs);
  const made = { inputs: filled, shards: shards?.made ?? null };
  const parts = { ...run, ...made, attempt, folder, resume, journal, checkpoints, warnings, programs: host.programs };
  const metrics = await withLog(host, log, (attemptLog) => implementation(kindContext({ ...parts, attemptLog })));
  await checkpoints.settled();
  pulse.details.text = 'committing';
  return {
    ...{ call, derivation, attempt, folder, metrics: finiteOrNull(metrics), startedAt, endedAt: host.clock() },
    shardSeconds: shards?.seconds ?? 0,
    ...{ resumedFrom: resume?.step ?? null, provenance: provenance(), journal, checkpoints, warnings, collections },
  };
}

async function resumable(run: StepRun, lease: CacheLease): ReturnType<typeof loadCheckpoint> {
  const { store, cache } = run.host;
  const newest = run.seen === undefined ? await newestRecord(run.host, run.call) : run.seen;
  const loaded = newest && (await loadCheckpoint(store, cache.dir, newest));
  if (loaded) lease.keep(loaded.path);
  return loaded;
}

const journalStart = ({ key, attempt, provenance, journalOffset }: Checkpoint): JournalStart => ({
  key: provenance['key'] ?? key,
  attempt,
  bytes: journalOffset,
});

/** Kinds that declare no checkpoints have none to look for; what is only put together from shards goes on from none. */
function newestRecord(host: Host, call: StepCall): Promise<Checkpoint | null> {
  const kind = call.declaration ?? host.kinds[call.uses];
  const isJoined = call.shards !== undefined && host.kinds[call.uses]?.shards?.resumes !== true;
  if (kind?.checkpoints === false || isJoined) return Promise.resolve(null);
  return newestCheckpoint(host.store, call.checkpointKey, checkpointLimit(kind?.inputs ?? {}, call.inputs));
}
