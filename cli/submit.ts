// Submits a plan: what it needs goes into the store, then its workflow is started, or joined when it runs already.
import { execFile } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair, TypedSearchAttributes } from '@temporalio/common';
import type { RunInput } from '../activities/calls.js';
import { mlflowUrl } from '../local/addresses.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Source } from '../schemas/generated/records.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import { defaultRunName, planHash } from '../schemas/identity.js';
import { hasShards } from '../schemas/shards.js';
import { collectionsSeen, restoring } from '../store/collection.js';
import { putInput } from '../store/files.js';
import { putPlan } from '../store/plans.js';
import { putSource } from '../store/sources.js';
import { names, type ObjectStore } from '../store/store.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { openRunAt, untilCancelled } from './open-run.js';
import type { LocalInput } from './pipeline-file.js';
import { runDetails, runSummary } from './run-details.js';
import { searchAttributesOf } from './search-attributes.js';
import type { Session } from './session.js';

export interface Submission {
  plan: Plan;
  file: string;
  text: string;
  /** Default: that of the folder that the file is in. */
  gitCommit?: string | null;
  name: string | null;
  isNew: boolean;
  /** Time on the clock until which it may wait for the end of a run that is being cancelled. */
  deadlineMs: number;
  /** Told when it begins to wait for that. */
  onWait: (workflowId: string) => void;
}

export interface Submitted {
  workflowId: string;
  /** It ran already: this command has joined it. */
  isAttached: boolean;
  /** Search attributes could not be used, and why. */
  warning: string | null;
}

/** Plans up to this size travel in the workflow's input when they have no loop; larger ones by reference. */
const largestByValue = 128 * 1024;

/** Puts the plan and its local files into the store. Safe to run again. */
export async function storePlan(
  store: ObjectStore,
  { plan, files, source }: Pick<Submission, 'plan'> & { files: readonly LocalInput[]; source: Source | null },
): Promise<void> {
  const seen = await collectionsSeen(store);
  for (const { path, use } of files) await putInput(store, path, use);
  const hash = await putPlan(store, plan);
  if (source !== null) await putSource(store, hash, source);
  await restoring(store, names.plan(hash), seen, async () => {
    for (const { path, use } of files) await putInput(store, path, use);
    return files.length > 0;
  });
}

/**
 * Starts the workflow, or joins the one of this id that runs with the same plan. One that is being cancelled is waited for,
 * then started again. Fails with CliError when another plan runs there.
 */
export async function submit(session: Session, store: ObjectStore, submission: Submission): Promise<Submitted> {
  const { plan } = submission;
  const hash = planHash(plan);
  const base = `${plan.name}/${submission.name ?? defaultRunName(plan)}`;
  const workflowId = submission.isNew ? await unusedId(session, base) : base;
  let running = await openRunAt(session, workflowId);
  if (running?.isCancelling === true) {
    submission.onWait(workflowId);
    await untilCancelled(session, workflowId, submission.deadlineMs);
    running = await openRunAt(session, workflowId);
  }
  if (running !== null) {
    if (running.planHash === hash) return { workflowId, isAttached: true, warning: null };
    throw new CliError(
      exitCodes.invalid,
      `${workflowId} is under way with another plan: the file, a param or the seed has changed since.\nFollow it with \`pawl status ${workflowId}\`, end it with \`pawl cancel ${workflowId}\`, or give this one another --name.`,
    );
  }
  const attributes = await searchAttributesOf(session);
  const gitCommit = submission.gitCommit === undefined ? await gitCommitOf(submission.file) : submission.gitCommit;
  const byValue = !hasLoop(plan.steps) && canonicalJson(plan).length <= largestByValue;
  const input: RunInput = {
    plan: byValue ? plan : null,
    planHash: hash,
    placement: { workflowQueue: session.config.workflowQueue, trainers: session.config.trainers },
    storeId: store.id,
    features: {
      searchAttributes: attributes === null,
      freshSteps: true,
      volatile: true,
      ...(isComputedAgain(plan.steps) ? { again: true } : {}),
      ...(hasShards(plan.steps) ? { shards: true } : {}),
    },
    gitCommit,
    mlflow: mlflowUrl(session.config),
  };
  await start(session, workflowId, submission, input);
  return { workflowId, isAttached: false, warning: attributes };
}

async function start(session: Session, workflowId: string, submission: Submission, input: RunInput): Promise<void> {
  const { plan } = submission;
  try {
    await session.client.workflow.start(plan.name, {
      workflowId,
      taskQueue: session.config.workflowQueue,
      args: [input],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: runSummary(submission),
      staticDetails: runDetails({ ...submission, workflowId, planHash: input.planHash, gitCommit: input.gitCommit }),
      memo: { planHash: input.planHash, gitCommit: input.gitCommit ?? '', file: submission.file },
      ...(input.features.searchAttributes
        ? {
            typedSearchAttributes: new TypedSearchAttributes([
              pair('PawlPipeline', plan.name),
              ...(input.gitCommit === null ? [] : [pair('PawlGitSha', input.gitCommit)]),
            ]),
          }
        : {}),
    });
  } catch (error) {
    // Somebody has submitted the same a moment earlier: joined.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

const pair = (name: string, value: string): SearchAttributePair => ({
  key: defineSearchAttributeKey(name, 'KEYWORD'),
  value,
});

async function unusedId(session: Session, base: string): Promise<string> {
  for (let number = 1; ; number++) {
    const id = number === 1 ? base : `${base}-${number}`;
    try {
      await session.client.workflow.getHandle(id).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return id;
      throw error;
    }
  }
}

const hasLoop = (nodes: Plan['steps']): boolean => Object.values(nodes).some(({ node }) => node === 'loop');

const isComputedAgain = (nodes: Plan['steps']): boolean =>
  Object.values(nodes).some((node) => (node.node === 'loop' ? isComputedAgain(node.steps) : 'again' in node));

/** The commit of the folder that the file is in; null outside a repository. */
async function gitCommitOf(file: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], {
      cwd: dirname(resolve(file)),
      timeout: 5_000,
    });
    return stdout.trim();
  } catch {
    return null;
  }
}
