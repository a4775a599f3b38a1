// cycle: steps that wait for each other. Depth first in the order of names, so that the same file names the same cycle.
import type { Analysis } from '../analysis.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Scope, Step } from '../pipeline.js';
import type { Rule } from './rule.js';

export const cycles: Rule = (analysis) => {
  const { pipeline } = analysis;
  const scopes: Scope[] = [
    ...pipeline.units.map((unit) => unit.scope),
    ...pipeline.steps.flatMap((step) => (step.inner === null ? [] : [step.inner])),
  ];
  return scopes.flatMap((scope) => cyclesOf(scope, analysis));
};

const byName = (a: Step, b: Step): number => (a.name < b.name ? -1 : 1);

function cyclesOf(scope: Scope, analysis: Analysis): Diagnostic[] {
  const state = new Map<Step, 'open' | 'done'>();
  const path: Step[] = [];
  const found: Step[][] = [];
  const visit = (step: Step): void => {
    if (state.get(step) === 'open') found.push(path.slice(path.indexOf(step)));
    if (state.has(step)) return;
    state.set(step, 'open');
    path.push(step);
    const siblings = [...(analysis.deps.get(step) ?? [])].filter((dep) => dep.scope === scope);
    for (const dep of siblings.sort(byName)) visit(dep);
    path.pop();
    state.set(step, 'done');
  };
  for (const step of [...scope.steps.values()].sort(byName)) visit(step);
  return found.map((cycle) => report(cycle, analysis));
}

function report(cycle: Step[], { pipeline }: Analysis): Diagnostic {
  const first = cycle[0];
  if (first === undefined) throw new Error('Internal error: a cycle without steps');
  if (cycle.length === 1) {
    const hint = first.scope.loop === null ? null : 'what it left in the iteration before is in a carry';
    return pipeline.file.error('cycle', first.key, `\`${first.name}\` waits for itself`, { hint });
  }
  const names = [...cycle, first].map((step) => `\`${step.name}\``).join(' waits for ');
  const related = cycle.map((step, index) => ({
    message: `\`${step.name}\` waits for \`${(cycle[index + 1] ?? first).name}\``,
    span: step.key,
  }));
  return pipeline.file.error('cycle', first.key, `steps wait for each other: ${names}`, { related: related.slice(1) });
}
