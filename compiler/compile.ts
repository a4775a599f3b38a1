// Text -> plan and diagnostics. Pure: no clock, no chance, no I/O; it is handed file contents and digests.
import { stepKinds } from '../schemas/generated/kinds.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { plan as validPlan } from '../schemas/generated/validators.js';
import { analyse } from './analysis.js';
import { sortDiagnostics } from './diagnostics.js';
import type { Diagnostic, Place } from './diagnostics.js';
import { withoutEchoes, withoutNoise } from './echoes.js';
import { lower } from './lower.js';
import type { Pipeline, Step } from './pipeline.js';
import { readFiles } from './read-files.js';
import type { TextLookup } from './read-files.js';
import type { Baseline } from './resolve-baseline.js';
import { artifacts } from './rules/artifacts.js';
import { commands } from './rules/commands.js';
import { ashaResource } from './rules/asha-resource.js';
import { combinations } from './rules/combinations.js';
import { conditions } from './rules/conditions.js';
import { cycles } from './rules/cycles.js';
import { endlessLoop } from './rules/endless-loop.js';
import { durations } from './rules/durations.js';
import { expressions } from './rules/expressions.js';
import { ignored } from './rules/ignored.js';
import { includeInputs } from './rules/include-inputs.js';
import { inlining } from './rules/inlining.js';
import { inputs } from './rules/inputs.js';
import { kinds } from './rules/kinds.js';
import { localFiles } from './rules/local-files.js';
import { matrix } from './rules/matrix.js';
import { mayBeSkipped } from './rules/may-be-skipped.js';
import { names } from './rules/names.js';
import { notShared } from './rules/not-shared.js';
import { notYet } from './rules/not-yet.js';
import { notify } from './rules/notify.js';
import { references } from './rules/references.js';
import { noQueue } from './rules/no-queue.js';
import { nullable } from './rules/nullable.js';
import { plaintextSecret, secretsOf } from './rules/plaintext-secret.js';
import type { FileLookup, Queue, Rule } from './rules/rule.js';
import { scalars } from './rules/scalars.js';
import { schedule } from './rules/schedule.js';
import { shards } from './rules/shards.js';
import { sweepMetric } from './rules/sweep-metric.js';
import { sweepParams } from './rules/sweep-params.js';
import { sweepUses } from './rules/sweep-uses.js';
import { sweepValues } from './rules/sweep-values.js';
import { unusedParam } from './rules/unused-param.js';
import { unusedStep } from './rules/unused-step.js';
import { yaml11 } from './rules/yaml-1-1.js';
import { hideSecrets, withoutSecrets } from './secrets.js';
import { writtenKeys } from './written-keys.js';

export interface CompileInput {
  /** The file as the user named it; only shown. */
  path: string;
  text: string;
  /** Params from outside; text is read by the param's type. */
  set: Record<string, unknown>;
  /** Overrides the file's `seed`. */
  seed?: number | undefined;
  /** Local files by their path relative to the pipeline file. */
  files: FileLookup;
  /** Files that steps inline, by their path relative to the pipeline file; default: there are none. */
  includes?: TextLookup | undefined;
  /** Metrics of the run that this one is compared with; default: there is none. */
  baseline?: Baseline | undefined;
  /** Queues of trainers and what they offer; default: not known, and nothing is said about them. */
  queues?: readonly Queue[] | undefined;
  /** Step kinds that may be used; default: Pawl's own. */
  kinds?: Record<string, StepKind> | undefined;
}

export interface CompileOutput {
  /** Null when there is an error among the diagnostics. */
  plan: Plan | null;
  /** All of them, sorted. */
  diagnostics: Diagnostic[];
  /** Where things are written: `params.lr`, `steps.sft`, `steps.rl.update`, `steps.tuned.train` of an inlined file. */
  positions: Record<string, Place>;
  /** What of its steps the author wrote, `sft.with.lr`, `sft.retry.attempts`: all else is a default. Empty without a plan. */
  written: string[];
  /** The texts of the files, as places name them; the pipeline file first. */
  texts: Map<string, string>;
}

const rules: Rule[] = [
  names,
  durations,
  kinds,
  notYet,
  inputs,
  references,
  cycles,
  expressions,
  artifacts,
  conditions,
  nullable,
  scalars,
  combinations,
  localFiles,
  commands,
  matrix,
  mayBeSkipped,
  sweepParams,
  sweepValues,
  sweepUses,
  sweepMetric,
  ashaResource,
  schedule,
  shards,
  notify,
  noQueue,
  notShared,
  endlessLoop,
  plaintextSecret,
  unusedParam,
  unusedStep,
  yaml11,
  includeInputs,
  ignored,
  inlining,
];

/** Compiles a pipeline. Pure; never throws on a bad file. Same text, params and files = same plan, byte for byte. */
export function compile(input: CompileInput): CompileOutput {
  const { path, text, set, includes = () => null, kinds = stepKinds, baseline = null } = input;
  const { file, pipeline, diagnostics, ofSchema } = readFiles({ path, text, set, includes, kinds, baseline });
  // The values of secrets are in no text and no message that leaves the compiler.
  const secrets = pipeline === null ? [] : secretsOf(pipeline).map(({ value }) => value);
  const texts = new Map([...file.texts()].map(([name, whole]) => [name, hideSecrets(whole, secrets)] as const));
  const all = (found: Diagnostic[]): Diagnostic[] =>
    sortDiagnostics(withoutNoise(found), texts.keys()).map((item) => withoutSecrets(item, secrets));
  if (pipeline === null) return { plan: null, diagnostics: all(diagnostics), positions: {}, written: [], texts };
  const analysis = analyse(pipeline);
  const ofRules = rules.flatMap((rule) => rule(analysis, input.files, input.queues ?? null));
  diagnostics.push(...withoutEchoes(ofSchema, ofRules), ...ofRules);
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
  return {
    plan: hasErrors ? null : checked(lower(analysis, input.files, input.seed)),
    diagnostics: all(diagnostics),
    positions: positionsOf(pipeline),
    written: hasErrors ? [] : writtenKeys(pipeline.steps, pathOf),
    texts,
  };
}

function checked(plan: Plan): Plan {
  if (validPlan(plan)) return plan;
  const first = validPlan.errors?.[0];
  throw new Error(
    `Internal error: the compiler made a plan that its schema refuses: ${first?.instancePath} ${first?.message}`,
  );
}

function positionsOf({ file, params, steps }: Pipeline): Record<string, Place> {
  const ofSteps = steps.map((step): [string, Place] => [`steps.${pathOf(step)}`, file.place(step.key)]);
  const ofParams = [...params].map(([name, { key }]): [string, Place] => [`params.${name}`, file.place(key)]);
  return Object.fromEntries([...ofParams, ...ofSteps]);
}

function pathOf({ name, scope }: Step): string {
  const around = scope.loop ?? scope.unit.by;
  return around === null ? name : `${pathOf(around)}.${name}`;
}
