// bad-value, missing-key, wrong-type, out-of-range, bad-duration: what a sweep varies a param over, against what the param
// itself may be.
import type { Authored, AuthoredMap } from '../authored.js';
import { child, childMap, childString, plainValue } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Pipeline } from '../pipeline.js';
import { checkScalar, describeType, showValue } from '../scalar-check.js';
import type { SourceFile } from '../source-file.js';
import { gridSize, numberOf, sweepParameters, sweptParams } from '../sweep.js';
import type { SweptParam } from '../sweep.js';
import type { Rule } from './rule.js';

const maxTrials = 10_000;

export const sweepValues: Rule = ({ pipeline }) => {
  const sweep = childMap(pipeline.root, 'sweep');
  if (sweep === undefined) return [];
  const method = childString(sweep, 'method') ?? 'grid';
  const ofParams = sweptParams(pipeline).flatMap((swept) => checkParam(pipeline.file, swept, method));
  return ofParams.length > 0 ? ofParams : checkTrials(pipeline, sweep, method);
};

function checkParam(file: SourceFile, swept: SweptParam, method: string): Diagnostic[] {
  const { name, key, map } = swept;
  const distribution = map.entries.get('distribution');
  const values = map.entries.get('values');
  if (distribution === undefined && values === undefined) {
    const hint =
      method === 'grid'
        ? 'write e.g. values: [1, 2]'
        : 'write e.g. values: [1, 2], or distribution: uniform with min and max';
    return [file.error('missing-key', key, `the sweep does not say what \`${name}\` may be`, { hint })];
  }
  if (distribution !== undefined && values !== undefined) {
    const hint = 'remove one of them';
    return [
      file.error('bad-value', distribution.key, `\`${name}\` has both \`values\` and a \`distribution\``, { hint }),
    ];
  }
  if (values !== undefined) return values.value.form === 'list' ? checkValues(file, swept, values.value.items) : [];
  if (method === 'grid' && childString(map, 'distribution') !== 'int-uniform') {
    const message = `a grid tries every value of \`${name}\`, and a distribution has none to list`;
    const hint = 'write values: […], or int-uniform with min, max and step';
    return [file.error('bad-value', distribution?.value.span ?? key, message, { hint })];
  }
  return checkDistribution(file, swept, distribution?.value);
}

function checkValues(file: SourceFile, { name, map, param }: SweptParam, items: Authored[]): Diagnostic[] {
  const stray = ['min', 'max', 'step'].flatMap((key) => map.entries.get(key) ?? []);
  const seen = new Map<string, number>();
  return [
    ...stray.map(({ key }) =>
      file.error('bad-value', key, `\`${name}\` has \`values\`: bounds mean nothing beside them`),
    ),
    ...items.flatMap((item, index): Diagnostic[] => {
      const value = plainValue(item);
      const label = `value ${index + 1} of \`${name}\``;
      if (typeof value === 'string' && value.includes('${{')) {
        const hint = 'trials are chosen before anything runs: write the values out';
        return [file.error('bad-value', item.span, `${label} is an expression`, { hint })];
      }
      const problem = param?.declaration == null ? null : checkScalar(value, param.declaration, label);
      if (problem !== null && param !== null) {
        const related = [{ message: `the param \`${name}\` is here`, span: param.key }];
        return [file.error(problem.code, item.span, problem.message, { hint: problem.hint, related })];
      }
      const text = JSON.stringify(value);
      const earlier = seen.get(text);
      seen.set(text, earlier ?? index);
      if (earlier === undefined) return [];
      return [file.error('bad-value', item.span, `${label} is there already: ${showValue(value)}`)];
    }),
  ];
}

function checkDistribution(file: SourceFile, swept: SweptParam, distribution: Authored | undefined): Diagnostic[] {
  const { name, key, param, map } = swept;
  if (param?.declaration == null || distribution === undefined) return [];
  const kind = plainValue(distribution);
  const { type } = param.declaration;
  const related = [{ message: `the param \`${name}\` is here`, span: param.key }];
  if (type !== 'number' && type !== 'integer' && type !== 'duration') {
    const message = `\`${name}\` is ${describeType(type)}: it has no distribution`;
    return [file.error('bad-value', distribution.span, message, { hint: 'write values: […]', related })];
  }
  const isWhole = typeof kind === 'string' && kind.startsWith('int-');
  if (type !== 'number' && !isWhole) {
    const hint = `write int-${showValue(kind).replaceAll('"', '')}`;
    const message = `\`${name}\` is ${describeType(type)}, and \`${String(kind)}\` draws fractions`;
    return [file.error('bad-value', distribution.span, message, { hint, related })];
  }
  const missing = ['min', 'max'].filter((bound) => !map.entries.has(bound));
  if (missing.length > 0) {
    const message = `the distribution of \`${name}\` needs \`${missing.join('` and `')}\``;
    return [file.error('missing-key', key, message)];
  }
  const ofBounds = ['min', 'max'].flatMap((bound) => checkBound(file, swept, bound, isWhole));
  return ofBounds.length > 0 ? ofBounds : checkShape(file, swept, String(kind));
}

/** A bound is a value that the param itself may have. */
function checkBound(file: SourceFile, { name, map, param }: SweptParam, bound: string, isWhole: boolean): Diagnostic[] {
  const authored = child(map, bound);
  if (authored === undefined || param?.declaration == null) return [];
  const { declaration } = param;
  const asked = isWhole && declaration.type === 'number' ? { ...declaration, type: 'integer' as const } : declaration;
  const problem = checkScalar(plainValue(authored), { ...asked, enum: undefined }, `\`${bound}\` of \`${name}\``);
  if (problem === null) return [];
  const related = [{ message: `the param \`${name}\` is here`, span: param.key }];
  return [file.error(problem.code, authored.span, problem.message, { hint: problem.hint, related })];
}

function checkShape(file: SourceFile, { name, key, map, param }: SweptParam, kind: string): Diagnostic[] {
  const [min, max] = [numberOf(child(map, 'min'), param) ?? 0, numberOf(child(map, 'max'), param) ?? 0];
  const spanOf = (bound: string): Authored['span'] => child(map, bound)?.span ?? key;
  if (max <= min)
    return [file.error('out-of-range', spanOf('max'), `\`max\` of \`${name}\` must be larger than its \`min\``)];
  const isLog = kind.endsWith('log-uniform');
  if (isLog && min <= 0) {
    const message = `\`min\` of \`${name}\` must be larger than 0: the distribution is logarithmic`;
    return [file.error('out-of-range', spanOf('min'), message)];
  }
  if (!map.entries.has('step')) return [];
  if (isLog) return [file.error('bad-value', spanOf('step'), `a logarithmic distribution has no \`step\``)];
  const step = numberOf(child(map, 'step'), param);
  const isFitting =
    step !== null && step > 0 && step <= max - min && (!kind.startsWith('int-') || Number.isInteger(step));
  if (isFitting) return [];
  const message = `\`step\` of \`${name}\` must be ${kind.startsWith('int-') ? 'a whole number ' : ''}between 0 and ${max - min}`;
  return [file.error('out-of-range', spanOf('step'), message)];
}

function checkTrials(pipeline: Pipeline, sweep: AuthoredMap, method: string): Diagnostic[] {
  const { file, root } = pipeline;
  const key = root.entries.get('sweep')?.key ?? root.span;
  if (method !== 'grid') {
    if (sweep.entries.has('trials')) return [];
    return [file.error('missing-key', key, `a ${method} sweep needs \`trials\``, { hint: 'write e.g. trials: 20' })];
  }
  const size = gridSize(sweepParameters(pipeline));
  if (size <= maxTrials) return [];
  const message = `the grid makes ${size} trials; it may make ${maxTrials}`;
  return [file.error('out-of-range', key, message, { hint: 'use fewer values, or method: random with trials' })];
}
