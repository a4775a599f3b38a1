// The params of a pipeline with their values: defaults, overridden by --set.
import type { ArtifactType } from '../schemas/generated/plan.js';
import { artifactTypes } from './artifact-types.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import { child, childMap, childString, plainValue } from './authored.js';
import type { Diagnostic, Place } from './diagnostics.js';
import { suggest } from './did-you-mean.js';
import { readDeclaration } from './param-declaration.js';
import { checkScalar, planScalar } from './scalar-check.js';
import type { ScalarDeclaration, ScalarType } from './scalar-check.js';
import type { SourceFile } from './source-file.js';

export interface Param {
  name: string;
  key: Span;
  /** Null when the declaration is wrong; then its value is unknown, too. */
  type: ScalarType | null;
  /** Type of the artifact that it stands for; null for a scalar. */
  artifact: ArtifactType | null;
  /** What its values must be, of a duration in milliseconds; null for artifacts and when the declaration is wrong. */
  declaration: ScalarDeclaration | null;
  hasDefault: boolean;
  help: string | null;
  /** Where it was given from outside; null when it was not. */
  given: Place | null;
  /** As the plan holds it; undefined when it has none or a wrong one. */
  value: unknown;
}

/**
 * The params with their values, and what is wrong with them. `set` holds values from outside: text is read by the param's
 * type. Null: the file is inlined, so the step that does it gives the values; here they are the defaults. Pure.
 */
export function readParams(
  file: SourceFile,
  root: AuthoredMap,
  set: Record<string, unknown> | null,
): { params: Map<string, Param>; diagnostics: Diagnostic[] } {
  const params = new Map<string, Param>();
  const diagnostics: Diagnostic[] = [];
  for (const [name, { key, value }] of childMap(root, 'params')?.entries ?? []) {
    const declared = value.form === 'map' ? readDeclaration(file, name, value) : null;
    const param = paramOf(name, key, value, declared?.declaration ?? null);
    params.set(name, param);
    if (value.form !== 'map') continue;
    diagnostics.push(...(declared?.diagnostics ?? []));
    if (param.artifact !== null) diagnostics.push(...aboutArtifact(file, param, value, set));
    else diagnostics.push(...readDefault(file, param, value), ...readGiven(file, param, value, set));
  }
  return { params, diagnostics: [...diagnostics, ...(set === null ? [] : unknownSets(file, params, set))] };
}

function paramOf(name: string, key: Span, value: Authored, declaration: ScalarDeclaration | null): Param {
  const artifact = artifactTypes.find((type) => type === childString(value, 'type')) ?? null;
  const hasDefault = child(value, 'default') !== undefined;
  const help = childString(value, 'help') ?? null;
  return {
    name,
    key,
    type: declaration?.type ?? null,
    artifact,
    declaration,
    hasDefault,
    help,
    given: null,
    value: undefined,
  };
}

/** An artifact can be handed in by a step that inlines the file, and in no other way. */
function aboutArtifact(
  file: SourceFile,
  { name, key, artifact }: Param,
  map: AuthoredMap,
  set: Record<string, unknown> | null,
): Diagnostic[] {
  const given = child(map, 'default');
  if (given !== undefined) {
    const hint = 'leave `default` out: the step that inlines the file gives the artifact under `with`';
    return [
      file.error('wrong-type', given.span, `the param \`${name}\` is a ${artifact}, which has no default`, { hint }),
    ];
  }
  if (set === null) return [];
  const hint = `such a file is used by another: \`uses: ./${file.path.split('/').at(-1) ?? ''}\`, with: { ${name}: "\${{ steps.<step>.outputs.<output> }}" }`;
  const message = `the param \`${name}\` is a ${artifact}, which cannot be set from outside`;
  return [file.error('missing-param', key, message, { hint })];
}

/** A wrong default is an error even where --set hides it. */
function readDefault(file: SourceFile, param: Param, map: AuthoredMap): Diagnostic[] {
  const { name, declaration } = param;
  const authored = child(map, 'default');
  if (declaration === null || authored === undefined) return [];
  const value = plainValue(authored);
  const problem = checkScalar(value, declaration, `param \`${name}\``);
  if (problem !== null) return [file.error(problem.code, authored.span, problem.message, { hint: problem.hint })];
  param.value = planScalar(value, declaration.type);
  return [];
}

/** The value from outside; where there is none, the default must be. */
function readGiven(
  file: SourceFile,
  param: Param,
  map: AuthoredMap,
  set: Record<string, unknown> | null,
): Diagnostic[] {
  const { name, key, declaration } = param;
  if (declaration === null || set === null) return [];
  if (Object.hasOwn(set, name)) {
    const value = fromText(set[name], declaration.type);
    param.given = setPlace(name, set[name]);
    const problem = checkScalar(value, declaration, `param \`${name}\``);
    param.value = problem === null ? planScalar(value, declaration.type) : undefined;
    if (problem === null) return [];
    const diagnostic = file.error(problem.code, key, problem.message, { hint: problem.hint });
    return [{ ...diagnostic, at: param.given }];
  }
  if (param.hasDefault) return [];
  const required = child(map, 'required');
  const isRequired = required?.form === 'scalar' && required.value === true;
  const fact = isRequired ? 'is required and was not set' : 'has no default and was not set';
  const hint = `give it with --set ${name}=…${isRequired ? '' : ', or declare a default'}`;
  return [file.error('missing-param', key, `the param \`${name}\` ${fact}`, { hint })];
}

/** A --set value of the command line by the type of its param; what does not read stays text and fails the type check. */
function fromText(value: unknown, type: ScalarType): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if ((type === 'number' || type === 'integer') && text !== '' && !Number.isNaN(Number(text))) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (type === 'list') return readList(text);
  return value;
}

/** `[1, 2]` as JSON, else `a,b` split at commas with numbers read as numbers. */
function readList(text: string): unknown {
  if (text.startsWith('[')) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  const items = text === '' ? [] : text.split(',').map((item) => item.trim());
  return items.map((item) => (item !== '' && !Number.isNaN(Number(item)) ? Number(item) : item));
}

function unknownSets(file: SourceFile, params: Map<string, Param>, set: Record<string, unknown>): Diagnostic[] {
  return Object.keys(set)
    .filter((name) => !params.has(name))
    .sort()
    .map((name) => ({
      ...file.error('unknown-param', { start: 0, end: 0 }, `there is no param \`${name}\` in ${file.path}`, {
        hint: suggest(name, params.keys()) ?? 'the pipeline declares no params',
      }),
      at: setPlace(name, set[name]),
    }));
}

/** A place on the command line: no line. */
const setPlace = (name: string, value: unknown): Place => ({
  file: `--set ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  line: 0,
  column: 0,
  endLine: 0,
  endColumn: 0,
});
