// What a reference of an expression stands for: its type and the step it waits for, or why there is no such thing.
import type { ExpressionType } from '../expressions/check.js';
import type { Reference } from '../expressions/parse.js';
import type { Baseline } from './resolve-baseline.js';
import { resolveBaseline } from './resolve-baseline.js';
import { nearest, suggest } from './did-you-mean.js';
import type { Matrix } from './matrix.js';
import type { Scope, Step } from './pipeline.js';
import { encloses, visibleNames, visibleStep } from './pipeline.js';
import { failed as fail, found } from './resolution.js';
import type { ReferenceProblem, Resolution } from './resolution.js';
import { namesBest, resolveAxis, resolveCells } from './resolve-matrix.js';

const unknownType: ExpressionType = { is: 'unknown', optional: false };

/** Resolves a reference as `scope` sees it, in a step with that matrix, against that baseline. Pure. */
export function resolveReference(
  scope: Scope,
  reference: Reference,
  matrix: Matrix | null,
  baseline: Baseline | null,
): Resolution {
  const [root = '', ...rest] = reference.path;
  switch (root) {
    case 'params':
      return resolveParam(scope, reference, rest);
    case 'steps':
      return resolveStep(scope, reference, rest);
    case 'carry':
      return resolveCarry(scope, reference, rest);
    case 'iter':
      return resolveIter(scope, reference, rest);
    case 'matrix':
      return resolveAxis(matrix, reference, rest);
    case 'baseline':
      return resolveBaseline(baseline, reference, rest);
    default:
      return resolveUnknownRoot(scope, root, reference);
  }
}

function resolveUnknownRoot(scope: Scope, root: string, reference: Reference): Resolution {
  let hint = suggest(root, ['params', 'steps', 'carry', 'iter', 'matrix', 'baseline']);
  if (scope.unit.params.has(root)) hint = `did you mean \`params.${reference.text}\`?`;
  else if (visibleStep(scope, root) !== null) hint = `did you mean \`steps.${reference.text}\`?`;
  return fail('unknown-reference', `there is nothing called \`${root}\``, hint);
}

function resolveParam({ unit: { params } }: Scope, reference: Reference, [name, ...rest]: string[]): Resolution {
  if (name === undefined) return fail('unknown-reference', '`params` is not a value', 'name the param: params.<name>');
  const param = params.get(name);
  if (param === undefined)
    return fail('unknown-reference', `there is no param \`${name}\``, suggest(name, params.keys()));
  if (rest.length > 0)
    return fail('unknown-reference', `\`${reference.text}\` leads below a param`, `the value is \`params.${name}\``);
  if (param.artifact !== null) return found({ is: 'artifact', artifact: param.artifact, optional: false });
  if (param.type === null) return found(unknownType);
  return found({ is: param.type === 'object' ? 'map' : scalarIs(param.type), optional: false });
}

const scalarIs = (type: string): Exclude<ExpressionType['is'], 'artifact'> => {
  const known = ['string', 'integer', 'number', 'boolean', 'duration', 'list'] as const;
  return known.find((item) => item === type) ?? 'unknown';
};

function resolveIter(scope: Scope, reference: Reference, rest: string[]): Resolution {
  if (scope.loop === null) return fail('out-of-scope', '`iter` exists only inside a loop', null);
  if (rest.length === 1 && rest[0] === 'index') return found({ is: 'integer', optional: false });
  return fail(
    'unknown-reference',
    `there is no \`${reference.text}\``,
    'the number of the iteration, from 0, is `iter.index`',
  );
}

function resolveCarry(scope: Scope, reference: Reference, [name, ...rest]: string[]): Resolution {
  const { loop } = scope;
  if (loop === null)
    return fail(
      'out-of-scope',
      '`carry` exists only inside a loop',
      'from outside, read `steps.<loop>.outputs.<carry>`',
    );
  const carry = name === undefined ? undefined : loop.carries.get(name);
  if (carry === undefined || name === undefined) {
    const message = `the loop \`${loop.name}\` carries no \`${name ?? ''}\``;
    return fail('unknown-reference', message, suggest(name ?? '', loop.carries.keys()), [
      { message: `\`${loop.name}\` is here`, span: loop.key },
    ]);
  }
  if (rest.length > 0)
    return fail('unknown-reference', `\`${reference.text}\` leads below a carry`, `the value is \`carry.${name}\``);
  const optional = carry.init === undefined;
  if (carry.artifact !== null) return found({ is: 'artifact', artifact: carry.artifact, optional });
  return found({ is: carry.type === null ? 'unknown' : scalarIs(carry.type), optional });
}

function resolveStep(scope: Scope, reference: Reference, [node, ...below]: string[]): Resolution {
  // In a file steps have plain names: with dots, only nodes of a plan.
  const [name, ...rest] = [...(node?.split('.') ?? []), ...below];
  if (name === undefined)
    return fail('unknown-reference', '`steps` is not a value', 'name an output: steps.<step>.outputs.<output>');
  const step = visibleStep(scope, name);
  if (step === null) return resolveInvisible(scope, name);
  const here = [{ message: `\`${name}\` is here`, span: step.key }];
  if (step.inner !== null && encloses(step.inner, scope)) {
    const hint = 'inside the loop read `carry.<name>` or a step of the same iteration';
    return fail(
      'out-of-scope',
      `\`${name}\` is the loop that this stands in; it has no outputs before it ends`,
      hint,
      here,
    );
  }
  if (step.form === 'gate')
    return fail(
      'unknown-reference',
      `the gate \`${name}\` has neither outputs nor metrics`,
      `to wait for it write needs: [${name}]`,
      here,
    );
  if (step.matrix !== null) {
    return resolveCells(step, reference, rest, ([section, ...names]) => {
      if (section === 'outputs') return resolveOutput(step, reference, names, here);
      return section === 'metrics' ? resolveMetric(step, reference, names, here) : null;
    });
  }
  const [section, ...names] = rest;
  if (section === 'outputs') return resolveOutput(step, reference, names, here);
  if (section === 'metrics')
    return step.form === 'loop'
      ? resolveLoopMetric(step, reference, names, here)
      : resolveMetric(step, reference, names, here);
  return fail('unknown-reference', `\`${reference.text}\` is not a value`, sectionHint(step, section), here);
}

function sectionHint(step: Step, section: string | undefined): string {
  if (section !== undefined && outputNames(step).includes(section))
    return `did you mean \`steps.${step.name}.outputs.${section}\`?`;
  if (section !== undefined && metricNames(step).includes(section))
    return `did you mean \`steps.${step.name}.metrics.${section}\`?`;
  const near = section === undefined ? null : nearest(section, ['outputs', 'metrics']);
  if (near !== null) return `did you mean \`${near}\`?`;
  return `write steps.${step.name}.outputs.<output> or steps.${step.name}.metrics.<metric>`;
}

/** Names of the artifacts that a step hands out. Pure. */
export function outputNames(step: Step): string[] {
  if (step.form === 'include') return [...(step.included?.outputs.keys() ?? [])];
  return step.form === 'loop' ? [...step.carries.keys()] : Object.keys(step.kind?.outputs ?? {});
}

/** Names of the figures that a step hands out. Pure. */
export const metricNames = (step: Step): string[] =>
  step.form === 'include' ? [...(step.included?.metrics.keys() ?? [])] : Object.keys(step.kind?.metrics ?? {});

/** Whether nothing is known of what a step hands out: its kind is unknown, or its file could not be read. Pure. */
export const isOpaque = (step: Step): boolean =>
  (step.form === 'step' && step.kind === null) || (step.form === 'include' && step.included === null);

function resolveInvisible(scope: Scope, name: string): Resolution {
  const elsewhere = scope.unit.steps.find((step) => step.name === name);
  if (elsewhere === undefined)
    return fail('unknown-reference', `there is no step \`${name}\``, suggest(name, visibleNames(scope)));
  const loop = elsewhere.scope.loop;
  const hint =
    loop === null
      ? null
      : `from outside, read \`steps.${loop.name}.outputs.<carry>\` or \`steps.${loop.name}.metrics.${name}.<metric>\``;
  const related = [{ message: `\`${name}\` is here`, span: elsewhere.key }];
  return fail(
    'out-of-scope',
    `\`${name}\` is a step inside the loop \`${loop?.name ?? ''}\` and is not seen from here`,
    hint,
    related,
  );
}

type Here = ReferenceProblem['related'];

function resolveOutput(step: Step, reference: Reference, [output, ...rest]: string[], here: Here): Resolution {
  if (isOpaque(step)) return found(unknownType, step, output ?? null);
  if (output === undefined)
    return fail('unknown-reference', `\`${reference.text}\` is not a value`, suggest('', outputNames(step)), here);
  if (!outputNames(step).includes(output)) {
    const what =
      step.form === 'loop'
        ? `the loop \`${step.name}\` carries no`
        : `\`${step.name}\` (${step.uses?.name ?? ''}) has no output`;
    return fail('unknown-reference', `${what} \`${output}\``, suggest(output, outputNames(step)), here);
  }
  if (rest.length > 0) return fail('unknown-reference', `\`${reference.text}\` leads below an output`, null, here);
  return found(outputType(step, output), step, output);
}

function outputType(step: Step, output: string): ExpressionType {
  if (step.form === 'include') return step.included?.outputs.get(output) ?? unknownType;
  const carry = step.carries.get(output);
  const artifact = step.form === 'loop' ? carry?.artifact : step.kind?.outputs[output]?.artifact;
  if (artifact != null) return { is: 'artifact', artifact, optional: false };
  return carry?.type == null ? unknownType : { is: scalarIs(carry.type), optional: false };
}

function resolveMetric(step: Step, reference: Reference, [metric, ...rest]: string[], here: Here): Resolution {
  if (isOpaque(step)) return found(unknownType, step);
  if (metric === undefined)
    return fail('unknown-reference', `\`${reference.text}\` is not a value`, suggest('', metricNames(step)), here);
  if (!metricNames(step).includes(metric)) {
    return fail(
      'unknown-reference',
      `\`${step.name}\` (${step.uses?.name ?? ''}) has no metric \`${metric}\``,
      suggest(metric, metricNames(step)),
      here,
    );
  }
  if (rest.length > 0) return fail('unknown-reference', `\`${reference.text}\` leads below a metric`, null, here);
  return found(step.included?.metrics.get(metric) ?? { is: 'number', optional: false }, step);
}

/** `steps.<loop>.metrics.<step>.<metric>`: of the last iteration; through a loop in the loop, of its last, too. */
function resolveLoopMetric(loop: Step, reference: Reference, [name, ...below]: string[], here: Here): Resolution {
  const inside = [...(loop.inner?.steps.values() ?? [])].filter((step) => step.form !== 'gate');
  const step = inside.find((item) => item.name === name);
  if (step === undefined) {
    const message =
      name === undefined ? `\`${reference.text}\` is not a value` : `the loop \`${loop.name}\` has no step \`${name}\``;
    return fail(
      'unknown-reference',
      message,
      suggest(
        name ?? '',
        inside.map((item) => item.name),
      ),
      here,
    );
  }
  const there = [{ message: `\`${step.name}\` is here`, span: step.key }];
  if (step.matrix !== null && !namesBest(step)) {
    const message = `\`${step.name}\` does not say which cell is the best, so it has no metrics of its own`;
    return fail('unknown-reference', message, 'add e.g. best: { metric: …, goal: maximize } to it', there);
  }
  const resolution =
    step.form === 'loop'
      ? resolveLoopMetric(step, reference, below, there)
      : resolveMetric(step, reference, below, there);
  return resolution.ok ? found(resolution.type, loop) : resolution;
}
