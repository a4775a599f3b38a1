// pawl fork: a new run whose loop begins after a kept iteration of another run, with what that one carried; --set changes
// params. What is before the loop comes from the store.
import { suggest } from '../../compiler/did-you-mean.js';
import { withMarksOf } from '../../planning/compute-again.js';
import type { TemporalConfig } from '../../schemas/config.js';
import type { LoopNode, Plan } from '../../schemas/generated/plan.js';
import type { RunRecord, Source } from '../../schemas/generated/records.js';
import { defaultRunName } from '../../schemas/identity.js';
import { parsePath } from '../../schemas/ids.js';
import { readClick } from '../../store/clicks.js';
import { openStore } from '../../store/open.js';
import { readPlan } from '../../store/plans.js';
import { readSource } from '../../store/sources.js';
import type { ObjectStore } from '../../store/store.js';
import { splitArtifactPath } from '../artifact-path.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { indexRanges, loopHistory, loopsOf, type LoopHistory } from '../loop-history.js';
import { processOutput } from '../output.js';
import { planOfSource } from '../stored-source.js';

export interface ForkOptions {
  set: Record<string, string>;
  name?: string;
  /** Only show what would run. */
  plan?: true;
  detach?: true;
  timeout?: number;
  json?: true;
}

/** Exit status of the run, or how it was left. */
export async function fork(text: string, options: ForkOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const { run, path } = splitArtifactPath(text);
  const place = iterationAt(text, path);
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run === '' ? undefined : run);
  const { plan, source } = await forkedPlan(config, store, { record, place, set: options.set });
  const name = options.name ?? defaultRunName(plan);
  const workflowId = `${plan.name}/${name}`;
  if (workflowId === record.workflowId)
    throw new CliError(exitCodes.invalid, `${workflowId} is the run that is forked: give the fork another --name.`);
  const [{ explainPlan }, { submitAndFollow }] = await Promise.all([
    import('../explain-plan.js'),
    import('../submit-and-follow.js'),
  ]);
  const from = `${record.workflowId}@${place.loop}[${place.iteration}]`;
  output.record({ type: 'fork', from, workflowId });
  output.line(`${workflowId} begins after ${from}`);
  await explainPlan({ config, store, plan, workflowId, given: Object.keys(options.set), output });
  if (options.plan === true) return exitCodes.ok;
  return submitAndFollow(config, output, {
    ...{ plan, source, files: [], file: source?.file ?? `${record.name}.yaml`, text: source?.text ?? '' },
    ...{ name, isNew: false, gitCommit: record.gitCommit, detach: options.detach, timeout: options.timeout },
  });
}

interface Place {
  loop: string;
  iteration: number;
}

/** The iteration that `rl[120]` names. Fails with CliError. Pure. */
export function iterationAt(text: string, path: string | null): Place {
  const [first, ...more] = parsePath(path ?? '') ?? [];
  if (first?.index != null && more.length === 0) return { loop: first.name, iteration: first.index };
  const hint =
    first?.index != null
      ? 'a run is forked at an iteration of a loop at the top of its pipeline'
      : 'write RUN@LOOP[ITERATION], such as search-r3/one@rl[120]';
  throw new CliError(exitCodes.invalid, `\`${text}\` names no iteration to begin after: ${hint}.`);
}

async function forkedPlan(
  config: TemporalConfig,
  store: ObjectStore,
  { record, place, set }: { record: RunRecord; place: Place; set: Record<string, string> },
): Promise<{ plan: Plan; source: Source | null }> {
  const before = await readPlan(store, record.planHash);
  const loops = loopsOf(before).map(([name]) => name);
  if (!loops.includes(place.loop)) {
    const hint = loops.length === 0 ? 'it has none' : suggest(place.loop, loops);
    throw new CliError(
      exitCodes.invalid,
      `${record.workflowId} has no loop \`${place.loop}\`${hint === null ? '' : `: ${hint}`}`,
    );
  }
  const history = await loopHistory(config, store, record, place.loop);
  const kept = history.iterations.find(({ index, restorable }) => restorable && index === place.iteration);
  const click = kept === undefined || history.key === null ? null : await readClick(store, history.key, kept.index);
  if (click === null) throw new CliError(exitCodes.invalid, notKept(record.workflowId, place, history));
  const source = await readSource(store, record.planHash);
  if (Object.keys(set).length > 0 && source === null)
    throw new CliError(
      exitCodes.invalid,
      `The store does not have the file that ${record.workflowId} was made from, which --set needs: an older version of Pawl submitted it.`,
    );
  const compiled = source === null ? { plan: before, source } : await planOfSource(config, source, set);
  const { carry, metrics } = click;
  const at = { run: record.workflowId, iteration: place.iteration, carry, metrics };
  return { plan: withFork(withMarksOf(compiled.plan, before), place.loop, at), source: compiled.source };
}

/** Why a loop cannot begin there, and where it can. Pure. */
export function notKept(workflowId: string, { loop, iteration }: Place, { iterations }: LoopHistory): string {
  const restorable = iterations.filter((one) => one.restorable).map(({ index }) => index);
  const reached = iterations.at(-1)?.index ?? -1;
  const why =
    iteration > reached
      ? reached < 0
        ? 'the loop has no iteration yet'
        : `the loop has come to ${loop}[${reached}]`
      : 'what it carried was pruned, or it lies between two clicks; `keep` of the loop says what stays';
  return `${workflowId} has not kept ${loop}[${iteration}]: ${why}. Kept: ${indexRanges(restorable)}.`;
}

/** The plan with a loop that begins after an iteration. Pure. */
export function withFork(plan: Plan, loop: string, fork: NonNullable<LoopNode['fork']>): Plan {
  const node = plan.steps[loop];
  if (node?.node !== 'loop') throw new Error(`Internal error: the plan has no loop ${loop}`);
  return { ...plan, steps: { ...plan.steps, [loop]: { ...node, fork } } };
}
