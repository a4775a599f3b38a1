// Which nodes of the plan wait for which: the dependencies of the steps with inlined files opened, so that what reads an
// output of a file waits for the step that makes it and for no other.
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import { childStrings } from './authored.js';
import type { Step } from './pipeline.js';
import { encloses, visibleStep } from './pipeline.js';
import { isAround, levelOf, nodesUnder } from './plan-names.js';

type Deps = Map<Step, Set<Step>>;

/** The nodes that each node waits for, in its own level or one around it. `suppliers`: nodes that an `else` goes to. Pure. */
export function planDeps(analysis: Analysis, suppliers: ReadonlyMap<AnalysedField, Step>): Deps {
  const deps: Deps = new Map(analysis.pipeline.steps.map((step) => [step, new Set<Step>()]));
  const known: Targets = new Map();
  for (const field of analysis.fields) {
    for (const owner of ownersOf(field, suppliers))
      for (const target of targetsOf(analysis, field, known)) addDep(deps, owner, target);
  }
  for (const step of analysis.pipeline.steps) {
    for (const { value } of childStrings(step.map, 'needs')) {
      const target = visibleStep(step.scope, value);
      if (target === null || (target.inner !== null && encloses(target.inner, step.scope))) continue;
      for (const owner of nodesUnder(step)) for (const node of nodesUnder(target)) addDep(deps, owner, node);
    }
  }
  return deps;
}

/** The nodes that need what a field reads. What is given to a file is needed by those that read the param. */
function ownersOf(field: AnalysedField, suppliers: ReadonlyMap<AnalysedField, Step>): Step[] {
  const { owner, role } = field;
  if (owner === null) return [];
  if (owner.form !== 'include') return [owner];
  if (role === 'condition') return nodesUnder(owner);
  const supplier = suppliers.get(field);
  return supplier === undefined ? [] : [supplier];
}

type Targets = Map<AnalysedField, ReadonlySet<Step>>;

/** The nodes that the field's expressions read, through params and outputs of files. */
function targetsOf(analysis: Analysis, field: AnalysedField, known: Targets): ReadonlySet<Step> {
  const before = known.get(field);
  if (before !== undefined) return before;
  const targets = new Set<Step>();
  known.set(field, targets);
  const addAll = (other: AnalysedField | undefined): void => {
    if (other !== undefined) for (const target of targetsOf(analysis, other, known)) targets.add(target);
  };
  const { by } = field.scope.unit;
  for (const { reference, resolution } of field.parts.flatMap(({ resolutions }) => resolutions)) {
    const [root, name = '', section, leaf = ''] = reference.path;
    if (root === 'params' && by !== null) addAll(analysis.given(by, name));
    if (!resolution.ok || resolution.target === null) continue;
    const { included } = resolution.target;
    if (included === null) targets.add(resolution.target);
    else addAll(analysis.exported(included, section === 'outputs' ? 'output' : 'metric', leaf));
  }
  return targets;
}

/** `owner` waits for `target`, and so do the loops that `owner` stands in, up to the level of `target`. */
function addDep(deps: Deps, owner: Step, target: Step): void {
  const home = levelOf(target.scope);
  for (let waiting: Step | null = owner; waiting !== null; waiting = levelOf(waiting.scope).loop) {
    if (isAround(home, levelOf(waiting.scope))) deps.get(waiting)?.add(target);
  }
}
