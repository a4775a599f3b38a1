// The declaration of a step kind from outside, checked like a pipeline: every fault with its place. Pure.
import type { ArtifactInput, ScalarInput, StepKind } from '../schemas/generated/step-kind.js';
import { stepKind as validKind } from '../schemas/generated/validators.js';
import type { ValidationError } from '../schemas/generated/validators.js';
import type { Authored, Span } from './authored.js';
import { child, childMap, plainValue } from './authored.js';
import type { Diagnostic, DiagnosticCode } from './diagnostics.js';
import { sortDiagnostics } from './diagnostics.js';
import { suggest } from './did-you-mean.js';
import { parseText } from './parse-text.js';
import { problemOfRefusal } from './refusal-check.js';
import { checkScalar, showValue } from './scalar-check.js';
import type { SourceFile } from './source-file.js';
import { makeSourceFile } from './source-file.js';

export interface ReadDeclaration {
  /** Null when there is an error among the diagnostics. */
  kind: StepKind | null;
  diagnostics: Diagnostic[];
}

/** Reads a declaration (schemas/step-kind.schema.json). `taken` are the kinds that exist, each with where it is from. Pure. */
export function readDeclaration(path: string, text: string, taken: ReadonlyMap<string, string>): ReadDeclaration {
  const file = makeSourceFile(path, text);
  const { root, problems } = parseText(text);
  const whole: Span = { start: 0, end: 1 };
  if (problems.length > 0)
    return failed(problems.map(({ code, span, message, hint }) => file.error(code, span, message, { hint })));
  if (root?.form !== 'map') return failed([file.error('wrong-type', whole, 'the declaration is not a JSON object')]);
  const value = plainValue(root);
  const diagnostics = validKind(value)
    ? aboutKind(file, root, value as StepKind, taken)
    : withoutOtherBranch(validKind.errors ?? [], value).map((error) => explain(file, root, error));
  return diagnostics.length > 0 ? failed(diagnostics) : { kind: value as StepKind, diagnostics: [] };
}

const failed = (diagnostics: Diagnostic[]): ReadDeclaration => ({
  kind: null,
  diagnostics: sortDiagnostics(diagnostics, [diagnostics[0]?.at.file ?? '']),
});

/** An input is an artifact or a scalar: what the other form would want is no news. */
function withoutOtherBranch(errors: ValidationError[], root: unknown): ValidationError[] {
  return errors.filter(({ keyword, instancePath, schemaPath }) => {
    if (keyword === 'anyOf') return false;
    const [section, name] = namesOf(instancePath);
    if (section !== 'inputs' || name === undefined) return true;
    const input = valueAt(root, ['inputs', name]);
    // Of what is neither, the form of artifacts stands for both.
    const isArtifact = typeof input !== 'object' || input === null || 'artifact' in input;
    return schemaPath.includes('ArtifactInput') === isArtifact;
  });
}

const namesOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

const valueAt = (value: unknown, path: string[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value);

function explain(file: SourceFile, root: Authored, error: ValidationError): Diagnostic {
  const path = namesOf(error.instancePath);
  const spot = locate(root, path);
  const label = path.length === 0 ? 'the declaration' : `\`${path.join('.')}\``;
  const { params } = error;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const hint = suggest(name, knownKeys(path, plainValue(spot.value)));
      const at = spot.value.form === 'map' ? (spot.value.entries.get(name)?.key ?? spot.key) : spot.key;
      return file.error('unknown-key', at, `${label} has no key \`${name}\``, { hint });
    }
    case 'required':
      return file.error('missing-key', spot.key, `${label} needs the key \`${String(params.missingProperty)}\``);
    default: {
      const { code, fact, hint = null } = aboutValue(error, plainValue(spot.value));
      return file.error(code, spot.value.span, `${label} ${fact}`, { hint });
    }
  }
}

function aboutValue(
  { keyword, params, message }: ValidationError,
  value: unknown,
): { code: DiagnosticCode; fact: string; hint?: string | null } {
  const shown = showValue(value);
  if (keyword === 'enum') {
    const allowed = (params.allowedValues as unknown[]).map(String);
    return { code: 'bad-value', fact: `cannot be ${shown}`, hint: suggest(String(value), allowed) };
  }
  if (keyword === 'pattern')
    return { code: 'bad-name', fact: `cannot be ${shown}`, hint: 'two parts with a dot between, such as acme.clean' };
  if (keyword === 'type') return { code: 'wrong-type', fact: `takes ${typeWords(params.type)}, not ${shown}` };
  return { code: 'bad-value', fact: `is ${shown}: it ${message ?? 'is wrong'}` };
}

const typeNames: Record<string, string> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
};
const typeWords = (type: unknown): string => typeNames[String(type)] ?? `a ${String(type)}`;

const topKeys = [
  'kind',
  'version',
  'runs',
  'help',
  'seeded',
  'checkpoints',
  'environment',
  'inputs',
  'outputs',
  'metrics',
  'refuses',
];
const artifactKeys = ['artifact', 'required', 'many', 'help'];
const scalarKeys = [
  'type', 'help', 'default', 'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'items', 'fields', 'keys', 'values', 'checkpointKey',
]; // prettier-ignore

function knownKeys([section]: string[], value: unknown): string[] {
  if (section === undefined) return topKeys;
  if (section === 'outputs') return ['artifact', 'help'];
  if (section === 'metrics') return ['help', 'unit', 'goal'];
  if (section === 'refuses') return ['when', 'says', 'help'];
  return typeof value === 'object' && value !== null && 'artifact' in value ? artifactKeys : scalarKeys;
}

/** The value at a path and its key; as near as there is something. */
function locate(root: Authored, path: string[]): { key: Span; value: Authored } {
  let spot = { key: { start: root.span.start, end: root.span.start + 1 }, value: root };
  for (const name of path) {
    const { value } = spot;
    const item = value.form === 'list' ? value.items[Number(name)] : undefined;
    const entry = value.form === 'map' ? value.entries.get(name) : undefined;
    if (entry !== undefined) spot = entry;
    else if (item !== undefined) spot = { key: item.span, value: item };
  }
  return spot;
}

/** What the schema cannot say: the name is free, inputs have names, defaults fit. */
function aboutKind(file: SourceFile, root: Authored, kind: StepKind, taken: ReadonlyMap<string, string>): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const from = taken.get(kind.kind);
  if (from !== undefined) {
    const at = locate(root, ['kind']).value.span;
    const hint = 'begin the name with one of your own, such as acme.';
    diagnostics.push(
      file.error('duplicate-name', at, `there is a step kind \`${kind.kind}\` already: ${from}`, { hint }),
    );
  }
  for (const section of ['inputs', 'outputs', 'metrics'] as const) {
    for (const name of Object.keys(kind[section])) {
      if (/^[a-z][a-z0-9_]*$/.test(name)) continue;
      const hint = 'lower-case letters, digits and _, starting with a letter';
      diagnostics.push(
        file.error('bad-name', locate(root, [section, name]).key, `\`${name}\` is not a name`, { hint }),
      );
    }
  }
  for (const field of kind.environment.filter((name) => name !== 'python_version')) {
    const hint = 'there is `python_version`';
    const at = locate(root, ['environment', String(kind.environment.indexOf(field))]).value.span;
    diagnostics.push(file.error('bad-value', at, `there is no environment field \`${field}\``, { hint }));
  }
  return [
    ...diagnostics,
    ...Object.entries(kind.inputs).flatMap(([name, input]) => aboutDefault(file, root, name, input)),
    ...(kind.refuses ?? []).flatMap((refusal, index) => {
      const problem = problemOfRefusal(refusal, kind.inputs);
      const at = locate(root, ['refuses', String(index)]).value.span;
      return problem === null ? [] : [file.error(problem.code, at, problem.message, { hint: problem.hint })];
    }),
  ];
}

function aboutDefault(
  file: SourceFile,
  root: Authored,
  name: string,
  input: ArtifactInput | ScalarInput,
): Diagnostic[] {
  if ('artifact' in input || input.default === undefined || input.default === null) return [];
  const problem = checkScalar(input.default, input, `the default of \`${name}\``);
  if (problem === null) return [];
  const at = child(childMap(childMap(root, 'inputs'), name), 'default')?.span ?? root.span;
  return [file.error(problem.code, at, problem.message, { hint: problem.hint })];
}
