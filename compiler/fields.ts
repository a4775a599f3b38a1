// Every place of a pipeline that takes a value: what stands there, which names it sees, and what is expected.
import type { ArtifactType } from '../schemas/generated/plan.js';
import { commandKind } from '../schemas/command.js';
import type { Authored } from './authored.js';
import { child, childMap } from './authored.js';
import type { Param } from './params.js';
import type { Carry, Scope, Step, Unit } from './pipeline.js';
import type { ScalarDeclaration, ScalarType } from './scalar-check.js';

export type Expectation =
  /** `many`: or a map, an artifact under each name. */
  | { is: 'artifact'; artifact: ArtifactType; optional: boolean; many?: boolean }
  | { is: 'scalar'; declaration: ScalarDeclaration; optional: boolean }
  | { is: 'any-artifact' }
  | { is: 'boolean' }
  | { is: 'figure' }
  | { is: 'any' };

export type FieldRole =
  'axis' | 'input' | 'run' | 'condition' | 'else' | 'shards' | 'max' | 'init' | 'next' | 'output' | 'metric';

export interface Field {
  role: FieldRole;
  authored: Authored;
  /** Whose names it sees. */
  scope: Scope;
  /** The step it belongs to; null for the outputs and metrics of the file. */
  owner: Step | null;
  /** Name of the input, carry, output or metric; empty for conditions. */
  name: string;
  /** The place in words: "input `lr` of `sft`". */
  label: string;
  expect: Expectation;
}

/** All fields of a file, in reading order. Pure. */
export function collectFields(unit: Unit): Field[] {
  return [...unit.steps.flatMap(fieldsOfStep), ...exportFields(unit)];
}

function fieldsOfStep(step: Step): Field[] {
  const fields: Field[] = axisFields(step);
  const condition = child(step.map, 'if');
  if (condition !== undefined) fields.push(conditionField(step, step.scope, condition, `\`if\` of \`${step.name}\``));
  const run = isCommand(step) ? child(step.map, 'run') : undefined;
  if (run !== undefined) fields.push(runField(step, run));
  for (const [name, { value }] of childMap(step.map, 'with')?.entries ?? []) {
    const expect = inputExpectation(step, name);
    fields.push({
      role: 'input',
      authored: value,
      scope: step.scope,
      owner: step,
      name,
      label: `input \`${name}\` of \`${step.name}\``,
      expect,
    });
  }
  for (const [name, { value }] of childMap(step.map, 'else')?.entries ?? []) {
    const label = `\`else\` of \`${step.name}\` for \`${name}\``;
    fields.push({
      role: 'else',
      authored: value,
      scope: step.scope,
      owner: step,
      name,
      label,
      expect: outputExpectation(step, name),
    });
  }
  const shards = step.form === 'step' ? child(step.map, 'shards') : undefined;
  if (shards !== undefined) fields.push(shardsField(step, shards));
  if (step.form === 'loop') fields.push(...fieldsOfLoop(step));
  if (step.form === 'gate') fields.push(...fieldsOfGate(step));
  return fields;
}

/** A step runs as so many at most: each has events in the history of the run. */
export const maxShards = 64;

const shardsField = (step: Step, authored: Authored): Field => ({
  role: 'shards',
  authored,
  scope: step.scope,
  owner: step,
  name: 'shards',
  label: `\`shards\` of \`${step.name}\``,
  expect: { is: 'scalar', declaration: { type: 'integer', minimum: 1, maximum: maxShards }, optional: false },
});

/** The axes of a matrix. Their values are read in matrix.ts; as fields their expressions are checked like any other. */
const axisFields = (step: Step): Field[] =>
  (step.matrix?.axes ?? []).map(({ name, authored }) => ({
    role: 'axis',
    authored,
    scope: step.scope,
    owner: step,
    name,
    label: `axis \`${name}\` of \`${step.name}\``,
    expect: { is: 'any' },
  }));

function fieldsOfLoop(step: Step): Field[] {
  const fields: Field[] = [];
  const loop = childMap(step.map, 'loop');
  const inner = step.inner ?? step.scope;
  const max = child(loop, 'max');
  const atLeastOne: Expectation = { is: 'scalar', declaration: { type: 'integer', minimum: 1 }, optional: false };
  if (max !== undefined) {
    fields.push({
      role: 'max',
      authored: max,
      scope: step.scope,
      owner: step,
      name: 'max',
      label: `\`max\` of \`${step.name}\``,
      expect: atLeastOne,
    });
  }
  const until = child(loop, 'until');
  if (until !== undefined) fields.push(conditionField(step, inner, until, `\`until\` of \`${step.name}\``));
  for (const carry of step.carries.values()) {
    const label = (key: string): string => `\`${key}\` of carry \`${carry.name}\``;
    const base = { owner: step, name: carry.name, expect: carryExpectation(carry) };
    if (carry.init !== undefined)
      fields.push({ ...base, role: 'init', authored: carry.init, scope: step.scope, label: label('init') });
    if (carry.next !== undefined)
      fields.push({ ...base, role: 'next', authored: carry.next, scope: inner, label: label('next') });
  }
  return fields;
}

function fieldsOfGate(step: Step): Field[] {
  const assertions = child(childMap(step.map, 'gate'), 'assert');
  if (assertions?.form !== 'list') return [];
  return assertions.items.map((item, index) =>
    conditionField(step, step.scope, item, `assertion ${index + 1} of \`${step.name}\``),
  );
}

/** Whether the step runs a program of the user. Pure. */
export const isCommand = (step: Step): boolean => step.uses?.name === commandKind;

/** The program and its arguments; what may stand there is checked by the rule on commands. */
const runField = (step: Step, authored: Authored): Field => ({
  role: 'run',
  authored,
  scope: step.scope,
  owner: step,
  name: 'run',
  label: `\`run\` of \`${step.name}\``,
  expect: { is: 'any' },
});

const conditionField = (step: Step, scope: Scope, authored: Authored, label: string): Field => ({
  role: 'condition',
  authored,
  scope,
  owner: step,
  name: '',
  label,
  expect: { is: 'boolean' },
});

function exportFields(unit: Unit): Field[] {
  const whose = unit.by === null ? 'the run' : 'the file';
  const section = (key: 'outputs' | 'metrics', role: FieldRole, expect: Expectation): Field[] =>
    [...(childMap(unit.root, key)?.entries ?? [])].map(([name, { value }]) => ({
      role,
      authored: value,
      scope: unit.scope,
      owner: null,
      name,
      label: `${role} \`${name}\` of ${whose}`,
      expect,
    }));
  return [...section('outputs', 'output', { is: 'any-artifact' }), ...section('metrics', 'metric', { is: 'figure' })];
}

function inputExpectation(step: Step, name: string): Expectation {
  if (step.form === 'include') return paramExpectation(step.included?.params.get(name));
  const inputs = step.kind?.inputs ?? {};
  const input = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
  if (input === undefined) return { is: 'any' };
  if ('artifact' in input) {
    const { artifact, required, many = false } = input;
    return { is: 'artifact', artifact, optional: !required, many };
  }
  return { is: 'scalar', declaration: input, optional: false };
}

function paramExpectation(param: Param | undefined): Expectation {
  if (param?.artifact != null) return { is: 'artifact', artifact: param.artifact, optional: false };
  return param?.declaration == null ? { is: 'any' } : { is: 'scalar', declaration: param.declaration, optional: false };
}

function outputExpectation(step: Step, name: string): Expectation {
  if (step.form === 'include') {
    const type = step.included?.outputs.get(name);
    return type?.is === 'artifact' ? { is: 'artifact', artifact: type.artifact, optional: false } : { is: 'any' };
  }
  if (step.form === 'loop') {
    const carry = step.carries.get(name);
    return carry === undefined ? { is: 'any' } : carryExpectation(carry);
  }
  const outputs = step.kind?.outputs ?? {};
  const output = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
  return output === undefined ? { is: 'any' } : { is: 'artifact', artifact: output.artifact, optional: false };
}

const scalarTypes: readonly string[] = ['string', 'number', 'integer', 'boolean', 'duration', 'list'];

function carryExpectation(carry: Carry): Expectation {
  const optional = carry.init === undefined;
  if (carry.artifact !== null) return { is: 'artifact', artifact: carry.artifact, optional };
  if (carry.type === null || !scalarTypes.includes(carry.type)) return { is: 'any' };
  return { is: 'scalar', declaration: { type: carry.type as ScalarType }, optional };
}
