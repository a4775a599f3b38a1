// A pipeline without errors as a plan: every default written out, durations in milliseconds, dependencies sorted.
import { expressionEngine } from '../expressions/evaluate.js';
import type {
  Carry,
  Cell,
  Expression,
  GateNode,
  LoopNode,
  Node,
  Plan,
  PlanKind,
  Scalar,
  StepNode,
  Value,
} from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import { child, childMap, childNumber, childString } from './authored.js';
import type { AuthoredMap } from './authored.js';
import { parseDuration } from './durations.js';
import type { FieldRole } from './fields.js';
import type { Matrix } from './matrix.js';
import { isCommand } from './fields.js';
import type { Scope, Step } from './pipeline.js';
import { placeOfCommand } from './command.js';
import { commandLine, lowerCommand } from './lower-command.js';
import { lowerCollector } from './lower-matrix.js';
import { constantOf, planValue } from './plan-value.js';
import { bestMetric } from './rules/references.js';
import { lowerRunSections } from './run-sections.js';
import type { FileLookup } from './rules/rule.js';
import { planScalar } from './scalar-check.js';
import { settingsOf } from './settings.js';
import { lowerSweep } from './sweep.js';

interface Lowering {
  analysis: Analysis;
  files: FileLookup;
  defaults: AuthoredMap | undefined;
  fieldsOf: Analysis['fieldsOf'];
}

/** The plan of an analysed pipeline without errors. Pure. */
export function lower(analysis: Analysis, files: FileLookup, seed: number | undefined): Plan {
  const { root, params, scope } = analysis.pipeline;
  const { fieldsOf } = analysis;
  const lowering: Lowering = { analysis, files, defaults: childMap(root, 'defaults'), fieldsOf };
  const ofRun = (role: FieldRole): Record<string, Value> => valuesOf(fieldsOf.get(null) ?? [], role);
  return {
    irVersion: 1,
    expressions: expressionEngine,
    name: childString(root, 'name') ?? bug('a pipeline without a name'),
    seed: seed ?? childNumber(root, 'seed') ?? 0,
    params: Object.fromEntries([...params].map(([name, { value }]) => [name, value as Scalar])),
    kinds: usedKinds(analysis),
    steps: lowerScope(lowering, scope),
    outputs: ofRun('output'),
    metrics: ofRun('metric'),
    ...lowerSweep(analysis.pipeline),
    ...lowerRunSections(root),
  };
}

function bug(what: string): never {
  throw new Error(`Internal error: ${what} was lowered`);
}

const valuesOf = (fields: AnalysedField[], role: FieldRole): Record<string, Value> =>
  Object.fromEntries(fields.filter((field) => field.role === role).map((field) => [field.name, planValue(field)]));

function usedKinds({ pipeline }: Analysis): Record<string, PlanKind> {
  const used = pipeline.steps.flatMap((step) =>
    step.kind === null || isCommand(step) ? [] : [[step.kind.kind, planKind(step.kind)] as const],
  );
  return Object.fromEntries(used);
}

/** What the interpreter needs of a declaration. Pure. */
function planKind(kind: StepKind): PlanKind {
  const inputs = Object.entries(kind.inputs).map(
    ([name, input]) =>
      [
        name,
        'artifact' in input
          ? { artifact: input.artifact, required: input.required, checkpointKey: true }
          : { artifact: null, required: input.default === undefined, checkpointKey: input.checkpointKey ?? true },
      ] as const,
  );
  return {
    version: kind.version,
    runs: kind.runs,
    seeded: kind.seeded,
    checkpoints: kind.checkpoints,
    inputs: Object.fromEntries(inputs),
    outputs: Object.fromEntries(Object.entries(kind.outputs).map(([name, { artifact }]) => [name, artifact])),
    metrics: Object.keys(kind.metrics).sort(),
    environment: [...kind.environment].sort(),
  };
}

const lowerScope = (lowering: Lowering, scope: Scope): Record<string, Node> =>
  Object.fromEntries([...scope.steps.values()].flatMap((step) => lowerNodes(lowering, step)));

function lowerNodes(lowering: Lowering, step: Step): [string, Node][] {
  if (step.matrix !== null) return lowerMatrix(lowering, step, step.matrix);
  switch (step.form) {
    case 'step':
      return [[step.name, lowerStep(lowering, step, null)]];
    case 'loop':
      return [[step.name, lowerLoop(lowering, step)]];
    case 'gate':
      return [[step.name, lowerGate(lowering, step)]];
    case 'include':
      return bug(`\`${step.name}\`, a file,`);
  }
}

/** A step a cell, and under the name of the step what collects them. */
function lowerMatrix(lowering: Lowering, step: Step, matrix: Matrix): [string, Node][] {
  const collector = lowerCollector(step, matrix, elseOf(lowering, step), depsOf(lowering, step));
  const cells = collector.cells.map((cell): [string, Node] => [cell.name, lowerStep(lowering, step, cell)]);
  return [...cells, [step.name, collector]];
}

const depsOf = ({ analysis }: Lowering, step: Step): string[] =>
  [...(analysis.deps.get(step) ?? [])].map(({ name }) => name).sort();

/** `if`: the condition that is seen from where the step stands (`until` is seen from inside the loop). */
function conditionOf({ fieldsOf }: Lowering, step: Step, cell: Cell | null = null): Expression | null {
  const field = (fieldsOf.get(step) ?? []).find(({ authored }) => authored === child(step.map, 'if'));
  return field === undefined ? null : expressionOf(field, cell);
}

function expressionOf(field: AnalysedField, cell: Cell | null = null): Expression {
  const value = planValue(field, cell);
  // `if: ${{ matrix.full }}` is its value, and a condition is an expression.
  if (typeof value === 'boolean') return { $expr: String(value) };
  if (typeof value === 'object' && value !== null && '$expr' in value && typeof value.$expr === 'string')
    return { $expr: value.$expr };
  return bug(`${field.label} without an expression`);
}

function elseOf({ fieldsOf }: Lowering, step: Step): Record<string, Value> | null {
  return step.map.entries.has('else') ? valuesOf(fieldsOf.get(step) ?? [], 'else') : null;
}

function lowerStep(lowering: Lowering, step: Step, cell: Cell | null): StepNode {
  const kind = step.kind ?? bug(`\`${step.name}\` without a kind`);
  const isStored = !isCommand(step) || step.map.entries.has('code');
  const settings = settingsOf(step.map, lowering.defaults, isStored);
  const { retry, checkpoint, resources, timeoutMs, deadlineMs, cache, failFast } = settings;
  const command = isCommand(step) ? lowerCommand(step, lowering.fieldsOf.get(step) ?? [], lowering.files, cell) : null;
  return {
    node: 'step',
    uses: kind.kind,
    ...(command === null ? {} : { declaration: { ...planKind(kind), runs: placeOfCommand(resources) } }),
    with: command ?? lowerInputs(lowering, step, kind, cell),
    deps: depsOf(lowering, step),
    if: conditionOf(lowering, step, cell),
    // With a matrix it stands in for all cells: their collector has it.
    else: cell === null ? elseOf(lowering, step) : null,
    cache,
    failFast,
    retry,
    timeoutMs,
    deadlineMs,
    checkpoint,
    resources,
    summary: shorten(
      `${command === null ? kind.kind : commandLine(step, command)}${cell === null ? '' : ` ${axesIn(cell, step)}`}`,
    ),
  };
}

/** `[lr=0.001,seed=2]`. */
const axesIn = (cell: Cell, { name }: Step): string => cell.name.slice(name.length);

function lowerInputs(lowering: Lowering, step: Step, kind: StepKind, cell: Cell | null): Record<string, Value> {
  const given = new Map(
    (lowering.fieldsOf.get(step) ?? []).filter(({ role }) => role === 'input').map((field) => [field.name, field]),
  );
  const inputs = Object.entries(kind.inputs).flatMap(([name, input]): [string, Value][] => {
    const field = given.get(name);
    if ('artifact' in input) return field === undefined ? [] : [[name, planValue(field, cell)]];
    if (field === undefined) return [[name, planScalar(input.default, input.type) as Value]];
    if (input.type === 'file' || input.type === 'folder') return [[name, fileOf(lowering, field, cell)]];
    const value = planValue(field, cell);
    const isWritten = field.parts.length === 0 || typeof value !== 'object';
    return [[name, isWritten ? (planScalar(value, input.type) as Value) : value]];
  });
  return Object.fromEntries(inputs);
}

function fileOf({ files }: Lowering, field: AnalysedField, cell: Cell | null): Value {
  const constant = constantOf(field, cell);
  if (!constant.known || typeof constant.value !== 'string') return bug(`${field.label} without a path`);
  const found = files(constant.value, 'data') ?? bug(`${field.label} without its file`);
  return { $file: { path: constant.value, digest: found.digest, bytes: found.bytes, folder: found.folder } };
}

function lowerLoop(lowering: Lowering, step: Step): LoopNode {
  const loop = childMap(step.map, 'loop');
  const fields = lowering.fieldsOf.get(step) ?? [];
  const until = fields.find(({ authored }) => authored === child(loop, 'until'));
  const max = fields.find(({ role }) => role === 'max') ?? bug(`the loop \`${step.name}\` without \`max\``);
  const keep = childMap(loop, 'keep');
  const inner = step.inner ?? bug(`the loop \`${step.name}\` without steps`);
  return {
    node: 'loop',
    deps: depsOf(lowering, step),
    if: conditionOf(lowering, step),
    else: elseOf(lowering, step),
    max: planValue(max),
    until: until === undefined ? null : expressionOf(until),
    carry: lowerCarries(step, fields),
    commit: childNumber(loop, 'commit') ?? 1,
    keep: { last: childNumber(keep, 'last') ?? 2, every: childNumber(keep, 'every') ?? null, best: bestOf(keep) },
    steps: lowerScope(lowering, inner),
    summary: `loop of ${[...inner.steps.keys()].sort().join(', ')}`,
  };
}

/** The metric as `<step>.<metric>`, as clicks hold it. */
function bestOf(keep: AuthoredMap | undefined): LoopNode['keep']['best'] {
  const best = childMap(keep, 'best');
  const metric = bestMetric(childString(best, 'metric') ?? '');
  if (metric === null) return null;
  return {
    metric: `${metric.step}.${metric.metric}`,
    goal: childString(best, 'goal') === 'minimize' ? 'minimize' : 'maximize',
  };
}

function lowerCarries(step: Step, fields: AnalysedField[]): Record<string, Carry> {
  const valueOf = (role: FieldRole, name: string): Value | undefined => {
    const field = fields.find((item) => item.role === role && item.name === name);
    if (field === undefined) return undefined;
    const value = planValue(field);
    const isDuration = field.expect.is === 'scalar' && field.expect.declaration.type === 'duration';
    return isDuration && field.parts.length === 0 ? (planScalar(value, 'duration') as Value) : value;
  };
  const carries = [...step.carries.values()].map(({ name, type, artifact }): [string, Carry] => [
    name,
    {
      artifact,
      type: type ?? bug(`carry \`${name}\` without a type`),
      init: valueOf('init', name) ?? null,
      next: valueOf('next', name) ?? bug(`carry \`${name}\` without \`next\``),
    },
  ]);
  return Object.fromEntries(carries);
}

function lowerGate(lowering: Lowering, step: Step): GateNode {
  const condition = child(step.map, 'if');
  const fields = (lowering.fieldsOf.get(step) ?? []).filter(({ authored }) => authored !== condition);
  const approve = childMap(childMap(step.map, 'gate'), 'approve');
  const assertions = fields.map((field) => ({
    expression: expressionOf(field),
    source: field.parts[0]?.part.source ?? '',
  }));
  const parts = [...assertions.map(({ source }) => source), ...(approve === undefined ? [] : ['approval by a person'])];
  return {
    node: 'gate',
    deps: depsOf(lowering, step),
    if: conditionOf(lowering, step),
    assert: assertions,
    approve:
      approve === undefined
        ? null
        : {
            timeoutMs: parseDuration(childString(approve, 'timeout') ?? '') ?? bug('an approval without a time-out'),
            onTimeout: childString(approve, 'on-timeout') === 'approve' ? 'approve' : 'reject',
          },
    summary: shorten(`gate: ${parts.join('; ')}`),
  };
}

/** At most 180 characters, so that it fits a summary in the Temporal UI. */
const shorten = (text: string): string => (text.length <= 180 ? text : `${text.slice(0, 179)}…`);
