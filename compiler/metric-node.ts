// The step of a loop that measures a metric, also when a file that the loop inlines hands it out.
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import type { Scope, Step } from './pipeline.js';

export interface NamedMetric {
  step: string;
  metric: string;
}

/** The node and its metric; null when there is no such step, or a file computes it from others. Pure. */
export function metricNode(
  analysis: Analysis,
  scope: Scope,
  named: NamedMetric,
): { step: Step; metric: string } | null {
  const step = scope.steps.get(named.step);
  if (step === undefined) return null;
  if (step.form !== 'include') return step.form === 'step' ? { step, metric: named.metric } : null;
  const field = step.included === null ? undefined : analysis.exported(step.included, 'metric', named.metric);
  const handed = field === undefined ? null : plainMetric(field);
  return field === undefined || handed === null ? null : metricNode(analysis, field.scope, handed);
}

/** The metric that a field is, and nothing else. */
function plainMetric({ parts }: AnalysedField): NamedMetric | null {
  const parsed = parts[0]?.part.parsed;
  const [root, step = '', section, metric = '', ...below] = parsed?.references[0]?.path ?? [];
  return parsed?.plain === true && below.length === 0 && root === 'steps' && section === 'metrics'
    ? { step, metric }
    : null;
}
