// The authored tree as steps, loops and gates in their scopes. Tolerant: what has the wrong shape is left out here and
// reported by a rule.
import type { ArtifactType } from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import { child, childMap } from './authored.js';
import type { Param } from './params.js';
import type { SourceFile } from './source-file.js';

/** The steps that see each other by name: those of the file, or those of a loop's body. */
export interface Scope {
  /** The loop whose body this is; null for the file. */
  loop: Step | null;
  parent: Scope | null;
  steps: Map<string, Step>;
}

export interface Step {
  name: string;
  /** Where its name is written. */
  key: Span;
  form: 'step' | 'loop' | 'gate';
  map: AuthoredMap;
  scope: Scope;
  /** Name of the step kind as it is written, and the declaration; null where there is none. */
  uses: { name: string; span: Span } | null;
  kind: StepKind | null;
  /** The body, for a loop. */
  inner: Scope | null;
  carries: Map<string, Carry>;
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
  root: AuthoredMap;
  params: Map<string, Param>;
  scope: Scope;
  /** Every step of the file, bodies included, in reading order. */
  steps: Step[];
  kinds: Record<string, StepKind>;
}

const artifactTypes = ['dataset', 'model', 'trainer-state', 'index', 'rollouts', 'report', 'folder'] as const;

/** Reads the steps of a pipeline with their scopes. Pure. */
export function readPipeline(from: {
  file: SourceFile;
  root: AuthoredMap;
  params: Map<string, Param>;
  kinds: Record<string, StepKind>;
}): Pipeline {
  const steps: Step[] = [];
  const scope: Scope = { loop: null, parent: null, steps: new Map() };
  readScope(childMap(from.root, 'steps'), scope, from.kinds, steps);
  return { ...from, scope, steps };
}

function readScope(map: AuthoredMap | undefined, scope: Scope, kinds: Record<string, StepKind>, steps: Step[]): void {
  for (const [name, { key, value }] of map?.entries ?? []) {
    if (value.form !== 'map') continue;
    const form = value.entries.has('loop') ? 'loop' : value.entries.has('gate') ? 'gate' : 'step';
    const uses = form === 'step' ? usesOf(value) : null;
    const kind = uses !== null && Object.hasOwn(kinds, uses.name) ? (kinds[uses.name] ?? null) : null;
    const step: Step = { name, key, form, map: value, scope, uses, kind, inner: null, carries: new Map() };
    scope.steps.set(name, step);
    steps.push(step);
    if (form === 'loop') readLoop(step, kinds, steps);
  }
}

function usesOf(map: AuthoredMap): Step['uses'] {
  const uses = child(map, 'uses');
  return uses?.form === 'scalar' && typeof uses.value === 'string' ? { name: uses.value, span: uses.span } : null;
}

function readLoop(step: Step, kinds: Record<string, StepKind>, steps: Step[]): void {
  const loop = childMap(step.map, 'loop');
  for (const [name, { key, value }] of childMap(loop, 'carry')?.entries ?? []) {
    if (value.form !== 'map') continue;
    const type = child(value, 'type');
    const typeName = type?.form === 'scalar' && typeof type.value === 'string' ? type.value : null;
    const artifact = artifactTypes.find((item) => item === typeName) ?? null;
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
  step.inner = { loop: step, parent: step.scope, steps: new Map() };
  readScope(childMap(loop, 'steps'), step.inner, kinds, steps);
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
