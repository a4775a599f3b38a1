// pawl resume: starts a run that has ended again, under its id and from its record: what is done is taken from the store, what
// failed is tried again. --from computes a step and all that depends on it again, --set changes params.
import type { TemporalConfig } from '../../schemas/config.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord, Source } from '../../schemas/generated/records.js';
import { suggest } from '../../compiler/did-you-mean.js';
import { computeAgain, withMarksOf } from '../../planning/compute-again.js';
import { openStore } from '../../store/open.js';
import { readPlan } from '../../store/plans.js';
import { readSource } from '../../store/sources.js';
import type { ObjectStore } from '../../store/store.js';
import { artifactsOf, type ListedArtifact } from '../artifact-path.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { explainPlan } from '../explain-plan.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { openRunAt } from '../open-run.js';
import { processOutput, type Output } from '../output.js';
import type { Session } from '../session.js';
import { planOfSource } from '../stored-source.js';
import { submitAndFollow } from '../submit-and-follow.js';

export interface ResumeOptions {
  from?: string;
  set: Record<string, string>;
  detach?: true;
  timeout?: number;
  json?: true;
}

/** Exit status of the run, or how it was left. */
export async function resume(run: string | undefined, options: ResumeOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run);
  const { workflowId } = record;
  const { plan, source, names } = await planToResume(config, store, record, options);
  const again = await artifactsBefore(config, store, record, names);
  const code = await submitAndFollow(config, output, {
    ...{ plan, source, files: [], file: source?.file ?? `${record.name}.yaml`, text: source?.text ?? '' },
    ...{ name: workflowId.slice(workflowId.indexOf('/') + 1), isNew: false, gitCommit: record.gitCommit },
    ...{ detach: options.detach, timeout: options.timeout },
    before: async (session) => {
      await refuseRunning(session, workflowId);
      const given = Object.keys(options.set);
      if (options.from !== undefined || given.length > 0)
        await explainPlan({ config, store, plan, workflowId, given, output });
    },
  });
  const isOver = options.detach !== true && code !== exitCodes.waitTimedOut && code !== exitCodes.detached;
  if (isOver) await compare({ config, store, output, workflowId }, again);
  return code;
}

interface Resumed {
  plan: Plan;
  source: Source | null;
  /** What is computed again. */
  names: string[];
}

async function planToResume(
  config: TemporalConfig,
  store: ObjectStore,
  { workflowId, planHash }: RunRecord,
  { from, set }: ResumeOptions,
): Promise<Resumed> {
  let plan = await readPlan(store, planHash);
  let source = await readSource(store, planHash);
  if (Object.keys(set).length > 0) {
    if (source === null)
      throw new CliError(
        exitCodes.invalid,
        `The store does not have the file that ${workflowId} was made from: an older version of Pawl submitted it. Give --set to \`pawl run FILE --name ${workflowId.split('/')[1] ?? 'NAME'}\` instead.`,
      );
    const compiled = await planOfSource(config, source, set);
    plan = withMarksOf(compiled.plan, plan);
    source = compiled.source;
  }
  if (from === undefined) return { plan, source, names: [] };
  const again = computeAgain(plan, from, new Date().toISOString());
  if (again !== null) return { source, ...again };
  const [loop] = from.split(/[[.]/);
  const inside = loop !== undefined && loop !== from && plan.steps[loop]?.node === 'loop';
  const hint = inside
    ? `a loop is computed again as a whole, from its first iteration: --from ${loop}`
    : suggest(from, Object.keys(plan.steps));
  throw new CliError(
    exitCodes.invalid,
    `${workflowId} has no step \`${from}\` to begin at${hint === null ? '' : `: ${hint}`}`,
  );
}

async function refuseRunning(session: Session, workflowId: string): Promise<void> {
  const open = await openRunAt(session, workflowId);
  if (open === null || open.isCancelling) return;
  throw new CliError(
    exitCodes.invalid,
    `${workflowId} is under way: there is nothing to resume. \`pawl unpause ${workflowId}\` lets it go on when it is paused, \`pawl cancel ${workflowId}\` ends it first.`,
  );
}

async function artifactsBefore(
  config: TemporalConfig,
  store: ObjectStore,
  record: RunRecord,
  names: readonly string[],
): Promise<ListedArtifact[]> {
  const listings = await Promise.all(names.map((name) => artifactsOf(config, store, record, name)));
  return listings.flatMap(({ artifacts }) => artifacts);
}

/** Says of each artifact that was made again whether it has the same bytes. */
async function compare(
  run: { config: TemporalConfig; store: ObjectStore; output: Output; workflowId: string },
  before: readonly ListedArtifact[],
): Promise<void> {
  if (before.length === 0) return;
  const { config, store, output, workflowId } = run;
  const { record } = await findRecord(store, workflowId);
  const { artifacts } = await artifactsOf(config, store, record, null);
  for (const { path, tree } of before) {
    const now = artifacts.find((one) => one.path === path);
    const same = now === undefined ? null : now.tree === tree;
    output.record({ type: 'again', path, before: tree, now: now?.tree ?? null, same });
    const words = same === null ? 'not made this time' : same ? 'the same bytes as before' : 'other bytes than before';
    output.line(`${path}: ${words}`);
  }
}
