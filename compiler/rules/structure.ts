// unknown-key, missing-key, wrong-type, out-of-range, bad-value, bad-name, unsupported-version, unknown-failure-class,
// endless-loop (no `max`): the file against schemas/language.schema.json.
import { pipelineSchema } from '../../schemas/generated/pipeline-schema.js';
import * as validators from '../../schemas/generated/validators.js';
import type { ValidationError, Validator } from '../../schemas/generated/validators.js';
import type { Authored, AuthoredMap, Span } from '../authored.js';
import { child, plainValue } from '../authored.js';
import type { Diagnostic, DiagnosticCode } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import { showValue } from '../scalar-check.js';
import { shapeHint } from '../shape-hints.js';
import type { SourceFile } from '../source-file.js';

interface Spot {
  /** Names and indices from the root. */
  path: string[];
  /** The key of the value, or the value itself for an item of a list. */
  key: Span;
  value: Authored;
}

/** What a file is written in: its schema, as a check and as data. */
export interface FileSchema {
  validate: Validator;
  schema: Schema;
}

const pipelineFile: FileSchema = { validate: validators.pipeline, schema: pipelineSchema };

/** What the schema, that of pipelines unless given, has against the file. Pure. */
export function structure(file: SourceFile, root: AuthoredMap, form: FileSchema = pipelineFile): Diagnostic[] {
  const { validate, schema } = form;
  if (validate(plainValue(root))) return [];
  return (validate.errors ?? []).flatMap((error) => {
    if (error.keyword === 'if' || 'propertyName' in error) return [];
    const spot = locate(root, error.instancePath);
    return [explain(file, error, spot, () => knownKeys(schema, root, spot.path))];
  });
}

function explain(file: SourceFile, error: ValidationError, spot: Spot, known: () => string[]): Diagnostic {
  const { params } = error;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const hint = misplaced(name, spot.value) ?? suggest(name, known());
      return file.error('unknown-key', keyIn(spot, name), `${label(spot.path)} has no key \`${name}\``, { hint });
    }
    case 'propertyNames': {
      const name = String(params.propertyName);
      const hint = 'lower-case letters, digits and _, starting with a letter';
      return file.error('bad-name', keyIn(spot, name), `\`${name}\` is not a name`, { hint });
    }
    case 'required':
      return missing(file, spot, String(params.missingProperty));
    case 'const':
      if (spot.path.join('.') === 'pawl') return version(file, spot, error);
      break;
    case 'enum':
      if (spot.path.at(-2) === 'for' && spot.path.at(-3) === 'retry') return failureClass(file, spot, error);
      break;
  }
  const value = plainValue(spot.value);
  const { code, fact, hint = shapeHintOf(error, spot, value) } = aboutValue(error, value);
  return file.error(code, spot.value.span, `${label(spot.path)} ${fact}`, { hint });
}

const shapeHintOf = ({ keyword, params }: ValidationError, { path }: Spot, value: unknown): string | null =>
  keyword === 'type' ? shapeHint(path, [params.type].flat().map(String), value) : null;

/** The file says which version of the language it is written in. */
function version(file: SourceFile, { value }: Spot, { params }: ValidationError): Diagnostic {
  const asked = plainValue(value);
  const known = showValue(params.allowedValue);
  const isLater = typeof asked === 'number' && asked > Number(params.allowedValue);
  const message = `the file asks for version ${showValue(asked)} of the language; this is version ${known}`;
  const hint = isLater ? 'use a newer version of Pawl' : `write pawl: ${known}`;
  return file.error('unsupported-version', value.span, message, { hint });
}

function failureClass(file: SourceFile, { value }: Spot, { params }: ValidationError): Diagnostic {
  const name = String(plainValue(value));
  const hint = suggest(name, (params.allowedValues as unknown[]).map(String));
  return file.error('unknown-failure-class', value.span, `there is no failure class \`${name}\``, { hint });
}

/** The way out for a key of a step on a loop or a gate. */
function misplaced(name: string, on: Authored): string | null {
  if (name !== 'matrix' && name !== 'best') return null;
  if (child(on, 'loop') !== undefined) return 'a matrix fans out a single step: put it on a step of the loop';
  return child(on, 'gate') === undefined ? null : 'a matrix fans out a step that makes something; a gate is asked once';
}

const keyIn = ({ value, key }: Spot, name: string): Span =>
  value.form === 'map' ? (value.entries.get(name)?.key ?? key) : key;

/** What is wrong with a value, to be read after the name of its place. */
function aboutValue(
  error: ValidationError,
  value: unknown,
): { code: DiagnosticCode; fact: string; hint?: string | null } {
  const { keyword, params } = error;
  const shown = showValue(value);
  switch (keyword) {
    case 'type':
      return { code: 'wrong-type', fact: `takes ${typeWords(params.type)}, not ${shown}` };
    case 'const':
      return { code: 'bad-value', fact: `must be ${showValue(params.allowedValue)}, not ${shown}` };
    case 'enum': {
      const hint = suggest(String(value), (params.allowedValues as unknown[]).map(String));
      return { code: 'bad-value', fact: `cannot be ${shown}`, hint };
    }
    case 'minimum':
      return { code: 'out-of-range', fact: `is ${shown}; it must be at least ${String(params.limit)}` };
    case 'maximum':
      return { code: 'out-of-range', fact: `is ${shown}; it must be at most ${String(params.limit)}` };
    case 'pattern':
      return {
        code: 'bad-name',
        fact: `cannot be ${shown}`,
        hint: `lower-case letters, digits and ${String(params.pattern).includes('_') ? '_' : 'dashes'}, starting with a letter`,
      };
    case 'minItems':
    case 'minProperties':
      return { code: 'bad-value', fact: 'is empty' };
    default:
      return { code: 'bad-value', fact: error.message ?? 'is wrong' };
  }
}

function missing(file: SourceFile, spot: Spot, name: string): Diagnostic {
  const isStep = spot.path.at(-2) === 'steps';
  if (isStep && name === 'uses') {
    return file.error('missing-key', spot.key, `the step \`${spot.path.at(-1) ?? ''}\` does not say what it does`, {
      hint: 'give it `uses`, `loop` or `gate`',
    });
  }
  const loop = spot.path.at(-2);
  if (spot.path.at(-1) === 'loop' && name === 'max' && loop !== undefined) {
    const hint = `write max: under \`loop\`, a number or \${{ params.<name> }}`;
    return file.error('endless-loop', spot.key, `the loop \`${loop}\` has no \`max\`: it might never end`, { hint });
  }
  const hint = spot.path.length === 0 && name === 'pawl' ? 'begin the file with pawl: 1' : null;
  return file.error('missing-key', spot.key, `${label(spot.path)} needs the key \`${name}\``, { hint });
}

const typeNames: Record<string, string> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
};

const typeWords = (type: unknown): string =>
  (Array.isArray(type) ? type : [type]).map((item) => typeNames[String(item)] ?? String(item)).join(' or ');

function label(path: string[]): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  return /^\d+$/.test(last) ? `item ${Number(last) + 1} of \`${path.at(-2) ?? ''}\`` : `\`${last}\``;
}

/** The place of a JSON pointer in the tree. */
function locate(root: AuthoredMap, pointer: string): Spot {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const start: Span = { start: root.span.start, end: root.span.start + 1 };
  let spot: Spot = { path: [], key: start, value: root };
  for (const [depth, name] of path.entries()) {
    const { value } = spot;
    const entry = value.form === 'map' ? value.entries.get(name) : undefined;
    const item = value.form === 'list' ? value.items[Number(name)] : undefined;
    if (entry !== undefined) spot = { path: path.slice(0, depth + 1), key: entry.key, value: entry.value };
    else if (item !== undefined) spot = { path: path.slice(0, depth + 1), key: item.span, value: item };
  }
  return spot;
}

type Schema = Record<string, unknown>;

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

/** The keys that the schema allows at a path of the file. */
function knownKeys(whole: Schema, root: AuthoredMap, path: string[]): string[] {
  let schema = choose(whole, whole, root);
  let value: Authored = root;
  for (const name of path) {
    const entry: Authored | undefined =
      value.form === 'map'
        ? value.entries.get(name)?.value
        : value.form === 'list'
          ? value.items[Number(name)]
          : undefined;
    const properties = isSchema(schema.properties) ? schema.properties : {};
    const below = value.form === 'list' ? schema.items : (properties[name] ?? schema.additionalProperties);
    if (entry === undefined || !isSchema(below)) return [];
    value = entry;
    schema = choose(whole, below, entry);
  }
  return isSchema(schema.properties) ? Object.keys(schema.properties) : [];
}

/** Whether a condition of the schema holds: keys that are there, and the values of some. */
function fits(condition: Schema, value: Authored): boolean {
  const required = (condition.required ?? []) as string[];
  const properties = Object.entries((condition.properties ?? {}) as Record<string, Schema>);
  const valueOf = (key: string): unknown => {
    const found = value.form === 'map' ? value.entries.get(key)?.value : undefined;
    return found?.form === 'scalar' ? found.value : undefined;
  };
  return (
    required.every((key) => value.form === 'map' && value.entries.has(key)) &&
    properties.every(([key, { const: constant }]) => constant === undefined || valueOf(key) === constant)
  );
}

/** A schema without references and conditions: what it says about this value. */
function choose(whole: Schema, schema: Schema, value: Authored): Schema {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/$defs/', '');
    const definition = (whole.$defs as Record<string, Schema>)[name];
    return choose(whole, definition ?? {}, value);
  }
  if (!isSchema(schema.if)) return schema;
  const holds = fits(schema.if, value);
  const branch = holds ? schema.then : schema.else;
  return isSchema(branch) ? choose(whole, branch, value) : schema;
}
