// Where the steps of inlined files stand in the plan, which has no files: beside the step that inlines them, under its
// name: `x.train`.
import type { Scope, Step } from './pipeline.js';

/** The name of a step's node in the plan. Pure. */
export function nodeName({ name, scope }: Step): string {
  const { by } = scope.unit;
  return scope.loop === null && by !== null ? `${nodeName(by)}.${name}` : name;
}

/** The level of the plan that a scope belongs to, by the scope that names it: the pipeline's own, or the body of a loop. Pure. */
export function levelOf(scope: Scope): Scope {
  const { by } = scope.unit;
  return scope.loop === null && by !== null ? levelOf(by.scope) : scope;
}

/** The level around a level; null around the pipeline's own. Pure. */
export const levelAround = (level: Scope): Scope | null => (level.loop === null ? null : levelOf(level.loop.scope));

/** Whether `outer` is `level` or around it. Pure. */
export function isAround(outer: Scope, level: Scope): boolean {
  for (let current: Scope | null = level; current !== null; current = levelAround(current))
    if (current === outer) return true;
  return false;
}

/** The steps that are nodes of the plan: those of the scope, and in place of one that inlines a file, that file's. Pure. */
export const nodesOf = (scope: Scope): Step[] => [...scope.steps.values()].flatMap(nodesUnder);

/** The step itself, or the nodes of the file that it inlines. Pure. */
export function nodesUnder(step: Step): Step[] {
  if (step.form !== 'include') return [step];
  return step.included === null ? [] : nodesOf(step.included.scope);
}

/** The steps that inline the file that a node stands in, at the node's level, nearest first. Pure. */
export function includersOf({ scope }: Step): Step[] {
  const { by } = scope.unit;
  return scope.loop !== null || by === null ? [] : [by, ...includersOf(by)];
}
