// The authored tree as steps, loops and gates in their scopes, file by file. Tolerant: what has the wrong shape is left out here and
// reported by a rule.
import type { ExpressionType } from '../expressions/check.js';
import type { ArtifactType } from '../schemas/generated/plan.js';
import { commandKind } from '../schemas/command.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import { artifactTypeOf } from './artifact-types.js';
import { child, childMap } from './authored.js';
import { declaredKind } from './command.js';
import type { Matrix } from './matrix.js';
import type { Param } from './params.js';
import type { Baseline } from './resolve-baseline.js';
import type { SourceFile } from './source-file.js';

/** The steps that see each other by name: those of the file, or those of a loop's body. */
export interface Scope {
  /** The loop whose body this is; null for the file. */
  loop: Step | null;
  parent: Scope | null;
  unit: Unit;
  steps: Map<string, Step>;
}

export interface Step {
  name: string;
  /** Where its name is written. */
  key: Span;
  /** `include`: it inlines another file. */
  form: 'step' | 'loop' | 'gate' | 'include';
  map: AuthoredMap;
  scope: Scope;
  /** Name of the step kind or path of the file as it is written, and the declaration of the kind, a command's own; null where there is none. */
  uses: { name: string; span: Span } | null;
  kind: StepKind | null;
  /** The body, for a loop. */
  inner: Scope | null;
  carries: Map<string, Carry>;
  /** What the step is fanned out by; read when the pipeline is analysed. Null where there is none. */
  matrix: Matrix | null;
  /** The file that it inlines; null for other steps, and when the file could not be read. */
  included: Unit | null;
}

/** One file as it is used: the pipeline itself, or a file that a step inlines. Used twice, a file is two units. */
export interface Unit {
  /** From the folder of the pipeline file: `parts/train.yaml`. */
  path: string;
  root: AuthoredMap;
  params: Map<string, Param>;
  scope: Scope;
  /** Every step of the file, bodies included, in reading order. */
  steps: Step[];
  /** The step that inlines it; null for the pipeline itself. */
  by: Step | null;
  /** What it hands out, by name; filled in when its fields are typed. */
  outputs: Map<string, ExpressionType>;
  metrics: Map<string, ExpressionType>;
}

export interface Carry {
  name: string;
  key: Span;
  map: AuthoredMap;
  /** As written; null when it is missing or unknown. */
  type: string | null;
  artifact: ArtifactType | null;
  init: Authored | undefined;
  next: Authored | undefined;
}

export interface Pipeline {
  file: SourceFile;
  /** Of the pipeline file. */
  root: AuthoredMap;
  params: Map<string, Param>;
  scope: Scope;
  /** Every step of all files, bodies included, in reading order. */
  steps: Step[];
  /** The pipeline file first; a file before those that it inlines. */
  units: Unit[];
  kinds: Record<string, StepKind>;
  /** What the run is compared with; null for none. */
  baseline: Baseline | null;
}

/** Whether `uses` names a file rather than a step kind. Pure. */
export const isFilePath = (uses: string): boolean => uses.startsWith('./') || uses.startsWith('../');

/** Reads the steps of a file with their scopes. Pure. */
export function readUnit(from: Pick<Unit, 'path' | 'root' | 'params' | 'by'>, kinds: Record<string, StepKind>): Unit {
  const scope: Omit<Scope, 'unit'> = { loop: null, parent: null, steps: new Map() };
  const unit: Omit<Unit, 'scope'> = { ...from, steps: [], outputs: new Map(), metrics: new Map() };
  // A unit and its scope refer to each other.
  const whole: Unit = Object.assign(unit, { scope: Object.assign(scope, { unit: unit as Unit }) });
  readScope(childMap(from.root, 'steps'), whole.scope, kinds);
  return whole;
}

function readScope(map: AuthoredMap | undefined, scope: Scope, kinds: Record<string, StepKind>): void {
  for (const [name, { key, value }] of map?.entries ?? []) {
    if (value.form !== 'map') continue;
    const step = readStep(name, key, value, scope, kinds);
    scope.steps.set(name, step);
    scope.unit.steps.push(step);
    if (step.form === 'loop') readLoop(step, kinds);
  }
}

function readStep(name: string, key: Span, map: AuthoredMap, scope: Scope, kinds: Record<string, StepKind>): Step {
  const written = map.entries.has('loop') ? 'loop' : map.entries.has('gate') ? 'gate' : 'step';
  const uses = written === 'step' ? usesOf(map) : null;
  const form = uses !== null && isFilePath(uses.name) ? 'include' : written;
  const kind = uses === null ? null : kindOf(uses.name, map, kinds);
  return { name, key, form, map, scope, uses, kind, inner: null, carries: new Map(), matrix: null, included: null };
}

function kindOf(name: string, map: AuthoredMap, kinds: Record<string, StepKind>): StepKind | null {
  if (name === commandKind) return declaredKind(map);
  return Object.hasOwn(kinds, name) ? (kinds[name] ?? null) : null;
}

function usesOf(map: AuthoredMap): Step['uses'] {
  const uses = child(map, 'uses');
  return uses?.form === 'scalar' && typeof uses.value === 'string' ? { name: uses.value, span: uses.span } : null;
}

function readLoop(step: Step, kinds: Record<string, StepKind>): void {
  const loop = childMap(step.map, 'loop');
  for (const [name, { key, value }] of childMap(loop, 'carry')?.entries ?? []) {
    if (value.form !== 'map') continue;
    const type = child(value, 'type');
    const typeName = type?.form === 'scalar' && typeof type.value === 'string' ? type.value : null;
    const artifact = artifactTypeOf(typeName);
    step.carries.set(name, {
      name,
      key,
      map: value,
      type: typeName,
      artifact,
      init: child(value, 'init'),
      next: child(value, 'next'),
    });
  }
  step.inner = { loop: step, parent: step.scope, unit: step.scope.unit, steps: new Map() };
  readScope(childMap(loop, 'steps'), step.inner, kinds);
}

/** Whether `outer` is `scope` or encloses it. Pure. */
export function encloses(outer: Scope, scope: Scope): boolean {
  for (let current: Scope | null = scope; current !== null; current = current.parent)
    if (current === outer) return true;
  return false;
}

/** The step of that name that `scope` sees: in itself or the nearest enclosing scope. Pure. */
export function visibleStep(scope: Scope, name: string): Step | null {
  for (let current: Scope | null = scope; current !== null; current = current.parent) {
    const step = current.steps.get(name);
    if (step !== undefined) return step;
  }
  return null;
}

/** Names of the steps that `scope` sees. Pure. */
export function visibleNames(scope: Scope): string[] {
  const names: string[] = [];
  for (let current: Scope | null = scope; current !== null; current = current.parent)
    names.push(...current.steps.keys());
  return names;
}
