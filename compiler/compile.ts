// Text -> plan and diagnostics. Pure: no clock, no chance, no I/O; it is handed file contents and digests.
import { stepKinds } from '../schemas/generated/kinds.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { plan as validPlan } from '../schemas/generated/validators.cjs';
import { analyse } from './analysis.js';
import { parseText } from './authored.js';
import { sortDiagnostics } from './diagnostics.js';
import type { Diagnostic, Place } from './diagnostics.js';
import { lower } from './lower.js';
import { readParams } from './params.js';
import { readPipeline } from './pipeline.js';
import type { Pipeline } from './pipeline.js';
import { artifacts } from './rules/artifacts.js';
import { conditions } from './rules/conditions.js';
import { cycles } from './rules/cycles.js';
import { durations } from './rules/durations.js';
import { expressions } from './rules/expressions.js';
import { inputs } from './rules/inputs.js';
import { kinds } from './rules/kinds.js';
import { localFiles } from './rules/local-files.js';
import { mayBeSkipped } from './rules/may-be-skipped.js';
import { names } from './rules/names.js';
import { notYet } from './rules/not-yet.js';
import { references } from './rules/references.js';
import type { FileLookup, Rule } from './rules/rule.js';
import { scalars } from './rules/scalars.js';
import { structure } from './rules/structure.js';
import { yamlSyntax } from './rules/yaml-syntax.js';
import { makeSourceFile } from './source-file.js';

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
  /** Step kinds that may be used; default: Pawl's own. */
  kinds?: Record<string, StepKind> | undefined;
}

export interface CompileOutput {
  /** Null when there is an error among the diagnostics. */
  plan: Plan | null;
  /** All of them, sorted. */
  diagnostics: Diagnostic[];
  /** Where things are written: `params.lr`, `steps.sft`, `steps.rl.update`. */
  positions: Record<string, Place>;
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
  scalars,
  localFiles,
  mayBeSkipped,
];

/** Compiles a pipeline. Pure; never throws on a bad file. Same text, params and files = same plan, byte for byte. */
export function compile(input: CompileInput): CompileOutput {
  const file = makeSourceFile(input.path, input.text);
  const { root, errors, isTooLarge } = parseText(input.text);
  const diagnostics = yamlSyntax(file, errors);
  if (root?.form !== 'map') {
    if (isTooLarge)
      diagnostics.push(
        file.error('yaml-syntax', { start: 0, end: 1 }, 'the aliases of the file multiply beyond any pipeline'),
      );
    if (diagnostics.length === 0) {
      const hint = 'begin with pawl: 1, then name: and steps:';
      diagnostics.push(file.error('wrong-type', { start: 0, end: 1 }, 'the file is not a map', { hint }));
    }
    return { plan: null, diagnostics: sortDiagnostics(diagnostics), positions: {} };
  }
  // What the parser made of broken text would only add noise.
  if (errors.some(({ code }) => code !== 'DUPLICATE_KEY'))
    return { plan: null, diagnostics: sortDiagnostics(diagnostics), positions: {} };
  const { params, diagnostics: ofParams } = readParams(file, root, input.set);
  const pipeline = readPipeline({ file, root, params, kinds: input.kinds ?? stepKinds });
  const analysis = analyse(pipeline);
  const ofRules = rules.flatMap((rule) => rule(analysis, input.files));
  diagnostics.push(...withoutEchoes(structure(file, root), ofRules), ...ofParams, ...ofRules);
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
  return {
    plan: hasErrors ? null : checked(lower(analysis, input.files, input.seed)),
    diagnostics: sortDiagnostics(diagnostics),
    positions: positionsOf(pipeline),
  };
}

/** What the schema says about a value on which a rule is more exact is left out. */
function withoutEchoes(ofSchema: Diagnostic[], ofRules: Diagnostic[]): Diagnostic[] {
  const isSamePlace = (a: Place, b: Place): boolean => a.line === b.line && a.column === b.column;
  const isAboutValue = ({ code }: Diagnostic): boolean => code === 'wrong-type' || code === 'out-of-range';
  return ofSchema.filter((item) => !isAboutValue(item) || !ofRules.some(({ at }) => isSamePlace(at, item.at)));
}

function checked(plan: Plan): Plan {
  if (validPlan(plan)) return plan;
  const first = validPlan.errors?.[0];
  throw new Error(
    `Internal error: the compiler made a plan that its schema refuses: ${first?.instancePath} ${first?.message}`,
  );
}

function positionsOf({ file, params, steps }: Pipeline): Record<string, Place> {
  const ofSteps = steps.map((step): [string, Place] => {
    let path = step.name;
    for (let { loop } = step.scope; loop !== null; loop = loop.scope.loop) path = `${loop.name}.${path}`;
    return [`steps.${path}`, file.place(step.key)];
  });
  const ofParams = [...params].map(([name, { key }]): [string, Place] => [`params.${name}`, file.place(key)]);
  return Object.fromEntries([...ofParams, ...ofSteps]);
}
