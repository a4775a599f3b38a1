// The type of an expression, from the types of what it refers to; and the source that the plan carries.
import type { Environment } from '@marcbachmann/cel-js';
import type { ArtifactType } from '../schemas/generated/plan.js';
import { fromEngineError, makeEnvironment } from './engine.js';
import { ExpressionError } from './expression-error.js';
import type { ParsedExpression, Reference } from './parse.js';

/** `optional`: may be null, as a carry without `init` is at iteration 0. `unknown` fits everywhere. */
export type ExpressionType =
  | { is: 'artifact'; artifact: ArtifactType; optional: boolean }
  | { is: 'string' | 'integer' | 'number' | 'boolean' | 'duration' | 'list' | 'map' | 'unknown'; optional: boolean };

const artifactTypes: ArtifactType[] = ['dataset', 'model', 'trainer-state', 'index', 'rollouts', 'report', 'folder'];

let checking: Environment | null = null;

function checkEnvironment(): Environment {
  if (checking === null) {
    checking = makeEnvironment({ unlistedVariablesAreDyn: false });
    for (const artifact of artifactTypes) checking.registerType({ name: engineArtifact(artifact), schema: {} });
  }
  return checking.clone();
}

let standing: Environment | null = null;

/** An environment with one variable of each type, to stand in for any reference of that type. */
function standInEnvironment(): Environment {
  if (standing === null) {
    standing = checkEnvironment();
    const types = ['int', 'double', 'bool', 'string', 'list', 'map', 'dyn', ...artifactTypes.map(engineArtifact)];
    for (const type of types) standing.registerVariable(standIn(type), type);
  }
  return standing;
}

const standIn = (engineType: string): string => `stand_in_${engineType}`;

const engineArtifact = (artifact: ArtifactType): string => `artifact_${artifact.replaceAll('-', '_')}`;

/**
 * The type of an expression, given the type of each of its references. Pure. Throws ExpressionError where the types do
 * not fit each other.
 */
export function checkExpression(
  expression: ParsedExpression,
  typeOf: (reference: Reference) => ExpressionType,
): ExpressionType {
  const first = expression.references[0];
  if (expression.plain && first !== undefined) return typeOf(first);
  // A declaration of every reference takes longer than the check: only for the message of one that fails.
  const quick = expression.source.includes(standIn('')) ? null : quickCheck(expression, typeOf);
  if (quick?.valid === true) return fromEngineType(quick.type ?? 'dyn');
  const environment = checkEnvironment();
  for (const [root, schema] of Object.entries(schemaOf(expression.references, typeOf))) {
    if (typeof schema === 'string') environment.registerVariable(root, schema);
    else environment.registerVariable({ name: root, schema });
  }
  const result = environment.check(expression.source);
  if (result.valid) return fromEngineType(result.type ?? 'dyn');
  const error = fromEngineError(result.error, expression.source);
  throw error instanceof ExpressionError ? error : new ExpressionError(String(error), expression.source);
}

const quickCheck = (
  expression: ParsedExpression,
  typeOf: (reference: Reference) => ExpressionType,
): ReturnType<Environment['check']> => standInEnvironment().check(withStandIns(expression, typeOf));

const withStandIns = (
  { references, source }: ParsedExpression,
  typeOf: (reference: Reference) => ExpressionType,
): string =>
  [...references]
    .sort((a, b) => b.start - a.start)
    .reduce((text, reference) => {
      const name = standIn(toEngineType(typeOf(reference)));
      return `${text.slice(0, reference.start)}${name}${text.slice(reference.end)}`;
    }, source);

type Schema = { [name: string]: string | Schema };

/** The references as the nested declaration that the engine checks against. */
function schemaOf(references: Reference[], typeOf: (reference: Reference) => ExpressionType): Schema {
  const schema: Schema = {};
  for (const reference of references) {
    let level = schema;
    for (const name of reference.path.slice(0, -1)) {
      const below = level[name];
      level = level[name] = typeof below === 'object' ? below : {};
    }
    const last = reference.path.at(-1);
    if (last !== undefined) level[last] = toEngineType(typeOf(reference));
  }
  return schema;
}

function toEngineType(type: ExpressionType): string {
  if (type.optional) return 'dyn';
  switch (type.is) {
    case 'artifact':
      return engineArtifact(type.artifact);
    case 'integer':
    case 'duration':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'unknown':
      return 'dyn';
    case 'string':
    case 'list':
    case 'map':
      return type.is;
  }
}

function fromEngineType(name: string): ExpressionType {
  const artifact = artifactTypes.find((type) => engineArtifact(type) === name);
  if (artifact !== undefined) return { is: 'artifact', artifact, optional: false };
  const scalars: Record<string, ExpressionType['is']> = {
    int: 'integer',
    double: 'number',
    bool: 'boolean',
    string: 'string',
  };
  const is = scalars[name] ?? (name.startsWith('list') ? 'list' : name.startsWith('map') ? 'map' : 'unknown');
  return is === 'artifact' ? { is: 'unknown', optional: false } : { is, optional: false };
}

/**
 * The source that the plan carries. At run time every number from outside is a double; where an expression divides or
 * indexes, references to whole numbers are written int(…), so that it computes what its type says. `rewrite` gives what
 * is written instead of a reference; null leaves it. Pure.
 */
export function lowerExpression(
  expression: ParsedExpression,
  typeOf: (reference: Reference) => ExpressionType,
  rewrite: (reference: Reference) => string | null = () => null,
): string {
  const written = (reference: Reference): string => {
    const source = expression.source.slice(reference.start, reference.end);
    return rewrite(reference) ?? asWhole(expression, typeOf(reference), source);
  };
  return [...expression.references]
    .sort((a, b) => b.start - a.start)
    .reduce(
      (source, reference) => `${source.slice(0, reference.start)}${written(reference)}${source.slice(reference.end)}`,
      expression.source,
    );
}

/** What is written for a whole number where the expression divides or indexes. Pure. */
export function asWhole(expression: ParsedExpression, type: ExpressionType, text: string): string {
  const casts = !expression.plain && expression.dividesOrIndexes && ['integer', 'duration'].includes(type.is);
  return casts ? `int(${text})` : text;
}

/** A value as it is written in an expression; `type` tells whether a number is real. Pure. */
export function literal(value: string | number | boolean, type: ExpressionType): string {
  if (typeof value !== 'number') return JSON.stringify(value);
  const text = type.is === 'number' && Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
  return value < 0 ? `(${text})` : text;
}
