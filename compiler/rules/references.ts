// unknown-reference, out-of-scope: names in expressions, `needs`, `else` and `keep.best` that stand for nothing there.
import { child, childMap, childString, childStrings } from '../authored.js';
import type { Analysis } from '../analysis.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import { metricNode } from '../metric-node.js';
import type { NamedMetric } from '../metric-node.js';
import type { Pipeline, Step } from '../pipeline.js';
import { encloses, visibleNames, visibleStep } from '../pipeline.js';
import { isOpaque, metricNames, outputNames } from '../resolve.js';
import { namesBest } from '../resolve-matrix.js';
import { spanIn } from '../text-value.js';
import type { Rule } from './rule.js';

export const references: Rule = (analysis) => {
  const { pipeline, fields } = analysis;
  const inExpressions = fields.flatMap(({ parts }) =>
    parts.flatMap(({ part, resolutions }) =>
      resolutions.flatMap(({ reference, resolution }) => {
        if (resolution.ok) return [];
        const { code, message, hint, related } = resolution.problem;
        return [pipeline.file.error(code, spanIn(part, reference), message, { hint, related })];
      }),
    ),
  );
  return [
    ...inExpressions,
    ...pipeline.steps.flatMap((step) => [
      ...inNeeds(pipeline, step),
      ...inElse(pipeline, step),
      ...inBest(analysis, step),
    ]),
  ];
};

function inNeeds({ file }: Pipeline, step: Step): Diagnostic[] {
  return childStrings(step.map, 'needs').flatMap(({ value, span }) => {
    const target = visibleStep(step.scope, value);
    if (target !== null && target.inner !== null && encloses(target.inner, step.scope)) {
      return [file.error('out-of-scope', span, `\`${value}\` is the loop that \`${step.name}\` stands in`)];
    }
    if (target !== null) return [];
    const elsewhere = step.scope.unit.steps.find((item) => item.name === value);
    if (elsewhere === undefined)
      return [
        file.error('unknown-reference', span, `there is no step \`${value}\``, {
          hint: suggest(value, visibleNames(step.scope)),
        }),
      ];
    const loop = elsewhere.scope.loop?.name ?? '';
    return [
      file.error('out-of-scope', span, `\`${value}\` is a step inside the loop \`${loop}\``, {
        hint: `did you mean \`${loop}\`?`,
      }),
    ];
  });
}

function inElse({ file }: Pipeline, step: Step): Diagnostic[] {
  if (isOpaque(step) || step.form === 'gate') return [];
  const known = outputNames(step);
  return [...(childMap(step.map, 'else')?.entries ?? [])]
    .filter(([name]) => !known.includes(name))
    .map(([name, { key }]) =>
      file.error('unknown-reference', key, `\`${step.name}\` has no output \`${name}\``, {
        hint: suggest(name, known),
      }),
    );
}

function inBest(analysis: Analysis, step: Step): Diagnostic[] {
  const best = childMap(childMap(childMap(step.map, 'loop'), 'keep'), 'best');
  const authored = child(best, 'metric');
  const text = childString(best, 'metric');
  if (authored === undefined || text === undefined || step.inner === null) return [];
  const metric = bestMetric(text);
  const target = metric === null ? undefined : step.inner.steps.get(metric.step);
  const { file } = analysis.pipeline;
  if (metric === null || target === undefined || (target.form !== 'step' && target.form !== 'include')) {
    const hint = 'write steps.<step>.metrics.<metric> with a step of the loop';
    return [
      file.error('unknown-reference', authored.span, `\`${text}\` is no metric of the loop \`${step.name}\``, { hint }),
    ];
  }
  const problem = metricProblem(analysis, target, metric);
  return problem === null ? [] : [file.error('unknown-reference', authored.span, problem.message, problem)];
}

/** Why a step of a loop has no such metric that `best` could take. */
function metricProblem(
  analysis: Analysis,
  step: Step,
  named: NamedMetric,
): { message: string; hint: string | null } | null {
  if (step.matrix !== null && !namesBest(step)) {
    const hint = 'add e.g. best: { metric: …, goal: maximize } to it';
    return { message: `\`${step.name}\` has a matrix and does not say which cell is the best`, hint };
  }
  if (isOpaque(step)) return null;
  const name = `\`${step.name}\` (${step.uses?.name ?? ''})`;
  const known = metricNames(step);
  if (!known.includes(named.metric))
    return { message: `${name} has no metric \`${named.metric}\``, hint: suggest(named.metric, known) };
  if (metricNode(analysis, step.scope, named) !== null) return null;
  return { message: `${name} computes \`${named.metric}\`; \`best\` takes a metric that a step measures`, hint: null };
}

/** `steps.dev.metrics.ndcg_at_10`, also without `metrics`: the step and the metric. Pure. */
export function bestMetric(text: string): NamedMetric | null {
  const match = /^steps\.([a-z][a-z0-9_]*)\.(?:metrics\.)?([a-z][a-z0-9_]*)$/.exec(text);
  return match === null ? null : { step: match[1] ?? '', metric: match[2] ?? '' };
}
