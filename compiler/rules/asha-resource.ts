// asha-resource: what a rung of ASHA has more of, and how much.
import type { Authored, AuthoredMap } from '../authored.js';
import { child, childMap, childNumber, childString } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import type { Param } from '../params.js';
import type { Pipeline } from '../pipeline.js';
import { checkScalar } from '../scalar-check.js';
import { ashaParam, sweptParams } from '../sweep.js';
import type { Rule } from './rule.js';

export const ashaResource: Rule = ({ pipeline }) => {
  const { file, root } = pipeline;
  const sweep = childMap(root, 'sweep');
  const method = child(sweep, 'method');
  const asha = sweep?.entries.get('asha');
  if (childString(sweep, 'method') !== 'asha') {
    if (asha === undefined || method === undefined) return [];
    const message = '`asha` has no meaning beside another method';
    return [file.error('asha-resource', asha.key, message, { hint: 'write method: asha, or remove it' })];
  }
  if (asha === undefined || method === undefined) {
    const hint = 'write e.g. asha: { resource: <loop>.iterations, min: 10, max: 100 }';
    const span = method?.span ?? root.span;
    return [file.error('asha-resource', span, 'the sweep does not say what its rungs have more of', { hint })];
  }
  return asha.value.form === 'map' ? checkAsha(pipeline, asha.value) : [];
};

function checkAsha(pipeline: Pipeline, asha: AuthoredMap): Diagnostic[] {
  const resource = child(asha, 'resource');
  if (resource?.form !== 'scalar' || typeof resource.value !== 'string') return [];
  const param = ashaParam(pipeline, resource.value);
  if (param === null) return [explain(pipeline, resource, resource.value)];
  return [...checkVaried(pipeline, resource, param), ...checkRungs(pipeline, asha, param)];
}

/** Why a name stands for no resource. */
function explain({ file, steps, params }: Pipeline, at: Authored, name: string): Diagnostic {
  const loops = steps.filter(({ form }) => form === 'loop');
  const loop = loops.find((step) => name === `${step.name}.iterations`);
  if (loop !== undefined) {
    const message = `the rungs cannot lengthen the loop \`${loop.name}\`: its \`max\` is not one integer param`;
    const hint = 'write max: ${{ params.<name> }} in the loop';
    return file.error('asha-resource', at.span, message, {
      hint,
      related: [{ message: `\`${loop.name}\` is here`, span: loop.key }],
    });
  }
  const integers = [...params.values()].filter(({ type }) => type === 'integer').map((param) => param.name);
  const known = [...loops.map((step) => `${step.name}.iterations`), ...integers];
  const hint = suggest(name, known) ?? 'it takes a loop, or an integer param, such as the number of training steps';
  return file.error('asha-resource', at.span, `\`${name}\` is neither <loop>.iterations nor an integer param`, {
    hint,
  });
}

function checkVaried(pipeline: Pipeline, at: Authored, param: Param): Diagnostic[] {
  const varied = sweptParams(pipeline).find(({ name }) => name === param.name);
  if (varied === undefined) return [];
  const related = [{ message: `it is varied here`, span: varied.key }];
  return [
    pipeline.file.error('asha-resource', at.span, `the rungs set \`${param.name}\`, which the sweep varies, too`, {
      related,
    }),
  ];
}

function checkRungs({ file }: Pipeline, asha: AuthoredMap, { declaration, name, key }: Param): Diagnostic[] {
  const ofBounds = ['min', 'max'].flatMap((bound): Diagnostic[] => {
    const authored = child(asha, bound);
    const value = childNumber(asha, bound);
    if (authored === undefined || value === undefined || declaration === null) return [];
    const problem = checkScalar(value, declaration, `\`${bound}\` of \`asha\``);
    if (problem === null) return [];
    const related = [{ message: `the param \`${name}\` is here`, span: key }];
    return [file.error(problem.code, authored.span, problem.message, { hint: problem.hint, related })];
  });
  const [min, max, eta] = [childNumber(asha, 'min'), childNumber(asha, 'max'), childNumber(asha, 'eta') ?? 3];
  const spanOf = (bound: string): Authored['span'] => child(asha, bound)?.span ?? asha.span;
  if (eta < 2) ofBounds.push(file.error('out-of-range', spanOf('eta'), `\`eta\` is ${eta}; it must be at least 2`));
  if (ofBounds.length > 0 || min === undefined || max === undefined) return ofBounds;
  if (max <= min) return [file.error('out-of-range', spanOf('max'), '`max` of `asha` must be larger than its `min`')];
  if (max / min >= eta) return [];
  const message = `there is one rung only: from ${min} to ${max} is less than ${eta}-fold`;
  return [file.error('out-of-range', spanOf('max'), message, { hint: 'raise `max`, or lower `min` or `eta`' })];
}
