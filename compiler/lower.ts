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
  Scalar,
  StepNode,
  Value,
} from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import { child, childMap, childNumber, childString } from './authored.js';
import { parseDuration } from './durations.js';
import type { FieldRole } from './fields.js';
import type { Matrix } from './matrix.js';
import { isCommand } from './fields.js';
import { placeOfCommand } from './command.js';
import { suppliedElses } from './include-else.js';
import { makeInliner } from './inline.js';
import type { Inliner } from './inline.js';
import { localPath } from './local-path.js';
import { commandLine, lowerCommand } from './lower-command.js';
import { lowerCollector } from './lower-matrix.js';
import { metricNode } from './metric-node.js';
import type { Scope, Step } from './pipeline.js';
import { planDeps } from './plan-deps.js';
import { planKind, usedKinds } from './plan-kind.js';
import { includersOf, nodeName, nodesOf } from './plan-names.js';
import { constantOf } from './plan-value.js';
import { bestMetric } from './rules/references.js';
import { lowerRunSections } from './run-sections.js';
import type { FileLookup } from './rules/rule.js';
import { planScalar } from './scalar-check.js';
import { flagOf, settingsOf } from './settings.js';
import { lowerSweep } from './sweep.js';

interface Lowering {
  analysis: Analysis;
  files: FileLookup;
  inliner: Inliner;
  /** The nodes that each node waits for. */
  deps: Map<Step, Set<Step>>;
  /** `else` of steps that inline files. */
  elses: ReturnType<typeof suppliedElses>;
  fieldsOf: Analysis['fieldsOf'];
}

/** The plan of an analysed pipeline without errors. Pure. */
export function lower(analysis: Analysis, files: FileLookup, seed: number | undefined): Plan {
  const { root, params, scope } = analysis.pipeline;
  const { fieldsOf } = analysis;
  const inliner = makeInliner(analysis);
  const elses = suppliedElses(analysis);
  const deps = planDeps(analysis, new Map(elses.map(({ field, maker }) => [field, maker.step])));
  const lowering: Lowering = { analysis, files, inliner, deps, elses, fieldsOf };
  const ofFile = (fieldsOf.get(null) ?? []).filter((field) => field.scope === scope);
  const ofRun = (role: FieldRole): Record<string, Value> => valuesOf(lowering, ofFile, role);
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

const valuesOf = ({ inliner }: Lowering, fields: AnalysedField[], role: FieldRole): Record<string, Value> =>
  Object.fromEntries(fields.filter((field) => field.role === role).map((field) => [field.name, inliner.value(field)]));

const lowerScope = (lowering: Lowering, scope: Scope): Record<string, Node> =>
  Object.fromEntries(nodesOf(scope).flatMap((step) => lowerNodes(lowering, step)));

function lowerNodes(lowering: Lowering, step: Step): [string, Node][] {
  if (step.matrix !== null) return lowerMatrix(lowering, step, step.matrix);
  switch (step.form) {
    case 'step':
      return [[nodeName(step), lowerStep(lowering, step, null)]];
    case 'loop':
      return [[nodeName(step), lowerLoop(lowering, step)]];
    case 'gate':
      return [[nodeName(step), lowerGate(lowering, step)]];
    case 'include':
      return bug(`\`${step.name}\`, a file,`);
  }
}

/** A step a cell, and under the name of the step what collects them. */
function lowerMatrix(lowering: Lowering, step: Step, matrix: Matrix): [string, Node][] {
  const collector = lowerCollector(step, matrix, elseOf(lowering, step), depsOf(lowering, step));
  const cells = collector.cells.map((cell): [string, Node] => [cell.name, lowerStep(lowering, step, cell)]);
  return [...cells, [nodeName(step), collector]];
}

const depsOf = ({ deps }: Lowering, step: Step): string[] => [...(deps.get(step) ?? [])].map(nodeName).sort();

/** `if`: the condition that is seen from where the step stands (`until` is seen from inside the loop), and those of the steps that inline its file. */
function conditionOf({ fieldsOf, inliner }: Lowering, step: Step, cell: Cell | null = null): Expression | null {
  const sources = [...includersOf(step).reverse(), step].flatMap((owner) => {
    const field = (fieldsOf.get(owner) ?? []).find(({ authored }) => authored === child(owner.map, 'if'));
    return field === undefined ? [] : [inliner.source(field, owner === step ? cell : null)];
  });
  const [only] = sources;
  if (only === undefined) return null;
  return { $expr: sources.length === 1 ? only : sources.map((source) => `(${source})`).join(' && ') };
}

const expressionOf = ({ inliner }: Lowering, field: AnalysedField): Expression => ({ $expr: inliner.source(field) });

function elseOf(lowering: Lowering, step: Step): Record<string, Value> | null {
  const { elses, fieldsOf, inliner } = lowering;
  const supplied = elses
    .filter(({ maker }) => maker.step === step)
    .map(({ maker, field }) => [maker.output, inliner.value(field)] as const);
  if (supplied.length === 0 && !step.map.entries.has('else')) return null;
  return { ...Object.fromEntries(supplied), ...valuesOf(lowering, fieldsOf.get(step) ?? [], 'else') };
}

function lowerStep(lowering: Lowering, step: Step, cell: Cell | null): StepNode {
  const kind = step.kind ?? bug(`\`${step.name}\` without a kind`);
  const isStored = !isCommand(step) || step.map.entries.has('code');
  const { retry, checkpoint, resources, timeoutMs, deadlineMs, cache, failFast } = settingsOf(step, isStored);
  const command = isCommand(step) ? lowerCommand(step, lowering.fieldsOf.get(step) ?? [], lowering, cell) : null;
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
    ...shardsOf(lowering, step, kind, cell),
    summary: shorten(
      `${command === null ? kind.kind : commandLine(step, command)}${cell === null ? '' : ` ${axesIn(cell, step)}`}`,
    ),
  };
}

/** How many steps of which kind it runs as; nothing where it runs as one. */
function shardsOf({ fieldsOf }: Lowering, step: Step, kind: StepKind, cell: Cell | null): Pick<StepNode, 'shards'> {
  const field = (fieldsOf.get(step) ?? []).find(({ role }) => role === 'shards');
  if (field === undefined || kind.shards === undefined) return {};
  const count = constantOf(field, cell);
  if (!count.known || typeof count.value !== 'number') return bug(`${field.label} without a number`);
  const resumes = kind.shards.resumes === true ? { resumes: true as const } : {};
  return count.value === 1 ? {} : { shards: { count: count.value, kind: kind.shards.kind, ...resumes } };
}

/** `[lr=0.001,seed=2]`. */
const axesIn = (cell: Cell, { name }: Step): string => cell.name.slice(name.length);

function lowerInputs(lowering: Lowering, step: Step, kind: StepKind, cell: Cell | null): Record<string, Value> {
  const given = new Map(
    (lowering.fieldsOf.get(step) ?? []).filter(({ role }) => role === 'input').map((field) => [field.name, field]),
  );
  const inputs = Object.entries(kind.inputs).flatMap(([name, input]): [string, Value][] => {
    const field = given.get(name);
    if ('artifact' in input) return field === undefined ? [] : [[name, lowering.inliner.value(field, cell)]];
    if (field === undefined) return [[name, planScalar(input.default, input.type) as Value]];
    if (input.type === 'file' || input.type === 'folder') return [[name, fileOf(lowering, field, cell)]];
    const value = lowering.inliner.value(field, cell);
    const isWritten = field.parts.length === 0 || typeof value !== 'object';
    return [[name, isWritten ? (planScalar(value, input.type) as Value) : value]];
  });
  return Object.fromEntries(inputs);
}

function fileOf({ analysis, files }: Lowering, field: AnalysedField, cell: Cell | null): Value {
  const constant = constantOf(field, cell);
  if (!constant.known || typeof constant.value !== 'string') return bug(`${field.label} without a path`);
  const path = localPath(analysis, field, constant.value);
  const found = files(path, 'data') ?? bug(`${field.label} without its file`);
  return { $file: { path, digest: found.digest, bytes: found.bytes, folder: found.folder } };
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
    max: lowering.inliner.value(max),
    until: until === undefined ? null : expressionOf(lowering, until),
    carry: lowerCarries(lowering, step, fields),
    commit: childNumber(loop, 'commit') ?? 1,
    ...(flagOf(loop, 'commit-behind') === true ? { behind: true as const } : {}),
    keep: {
      last: childNumber(keep, 'last') ?? 2,
      every: childNumber(keep, 'every') ?? null,
      best: bestOf(lowering, step),
    },
    steps: lowerScope(lowering, inner),
    summary: `loop of ${nodesOf(inner).map(nodeName).sort().join(', ')}`,
  };
}

/** The metric as `<node>.<metric>`, as clicks hold it. */
function bestOf({ analysis }: Lowering, step: Step): LoopNode['keep']['best'] {
  const best = childMap(childMap(childMap(step.map, 'loop'), 'keep'), 'best');
  const metric = bestMetric(childString(best, 'metric') ?? '');
  if (metric === null || step.inner === null) return null;
  const node = metricNode(analysis, step.inner, metric) ?? bug(`\`best\` of \`${step.name}\``);
  const goal = childString(best, 'goal') === 'minimize' ? 'minimize' : 'maximize';
  return { metric: `${nodeName(node.step)}.${node.metric}`, goal };
}

function lowerCarries({ inliner }: Lowering, step: Step, fields: AnalysedField[]): Record<string, Carry> {
  const valueOf = (role: FieldRole, name: string): Value | undefined => {
    const field = fields.find((item) => item.role === role && item.name === name);
    if (field === undefined) return undefined;
    const value = inliner.value(field);
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
    expression: expressionOf(lowering, field),
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
