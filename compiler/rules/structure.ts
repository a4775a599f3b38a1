// unknown-key, missing-key, wrong-type, out-of-range, bad-value, bad-name: the file against schemas/pipeline.schema.json.
import { pipelineSchema } from '../../schemas/generated/pipeline-schema.js';
import * as validators from '../../schemas/generated/validators.cjs';
import type { ValidationError } from '../../schemas/generated/validators.cjs';
import type { Authored, AuthoredMap, Span } from '../authored.js';
import { plainValue } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import { showValue } from '../scalar-check.js';
import type { SourceFile } from '../source-file.js';

interface Spot {
  /** Names and indices from the root. */
  path: string[];
  /** The key of the value, or the value itself for an item of a list. */
  key: Span;
  value: Authored;
}

/** What the schema has against the file. Pure. */
export function structure(file: SourceFile, root: AuthoredMap): Diagnostic[] {
  if (validators.pipeline(plainValue(root))) return [];
  return (validators.pipeline.errors ?? []).flatMap((error) => {
    if (error.keyword === 'if' || 'propertyName' in error) return [];
    const diagnostic = explain(file, root, error, locate(root, error.instancePath));
    return diagnostic === null ? [] : [diagnostic];
  });
}

function explain(file: SourceFile, root: AuthoredMap, error: ValidationError, spot: Spot): Diagnostic | null {
  const { params } = error;
  const what = label(spot.path);
  const value = plainValue(spot.value);
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const key = spot.value.form === 'map' ? (spot.value.entries.get(name)?.key ?? spot.key) : spot.key;
      return file.error('unknown-key', key, `${what} has no key \`${name}\``, {
        hint: suggest(name, knownKeys(root, spot.path)),
      });
    }
    case 'required':
      return missing(file, spot, String(params.missingProperty));
    case 'type':
      return file.error(
        'wrong-type',
        spot.value.span,
        `${what} takes ${typeWords(params.type)}, not ${showValue(value)}`,
      );
    case 'const':
      return file.error(
        'bad-value',
        spot.value.span,
        `${what} must be ${showValue(params.allowedValue)}, not ${showValue(value)}`,
      );
    case 'enum': {
      const hint = suggest(String(value), (params.allowedValues as unknown[]).map(String));
      return file.error('bad-value', spot.value.span, `${what} cannot be ${showValue(value)}`, { hint });
    }
    case 'minimum':
    case 'maximum':
      return file.error(
        'out-of-range',
        spot.value.span,
        `${what} is ${showValue(value)}; it must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${String(params.limit)}`,
      );
    case 'pattern':
      return file.error('bad-name', spot.value.span, `${what} cannot be ${showValue(value)}`, {
        hint: 'lower-case letters, digits and dashes, starting with a letter',
      });
    case 'propertyNames': {
      const name = String(params.propertyName);
      const key = spot.value.form === 'map' ? (spot.value.entries.get(name)?.key ?? spot.key) : spot.key;
      return file.error('bad-name', key, `\`${name}\` is not a name`, {
        hint: 'lower-case letters, digits and _, starting with a letter',
      });
    }
    case 'minItems':
    case 'minProperties':
      return file.error('bad-value', spot.value.span, `${what} is empty`);
    default:
      return file.error('bad-value', spot.value.span, `${what} ${error.message ?? 'is wrong'}`);
  }
}

function missing(file: SourceFile, spot: Spot, name: string): Diagnostic {
  const isStep = spot.path.at(-2) === 'steps';
  if (isStep && name === 'uses') {
    return file.error('missing-key', spot.key, `the step \`${spot.path.at(-1) ?? ''}\` does not say what it does`, {
      hint: 'give it `uses`, `loop` or `gate`',
    });
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
function knownKeys(root: AuthoredMap, path: string[]): string[] {
  let schema = choose(pipelineSchema, root);
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
    schema = choose(below, entry);
  }
  return isSchema(schema.properties) ? Object.keys(schema.properties) : [];
}

/** A schema without references and conditions: what it says about this value. */
function choose(schema: Schema, value: Authored): Schema {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/$defs/', '');
    const definition = (pipelineSchema.$defs as Record<string, Schema>)[name];
    return choose(definition ?? {}, value);
  }
  if (!isSchema(schema.if)) return schema;
  const required = schema.if.required as string[];
  const holds = required.every((key) => value.form === 'map' && value.entries.has(key));
  const branch = holds ? schema.then : schema.else;
  return isSchema(branch) ? choose(branch, value) : schema;
}
