// The params of a pipeline with their values: defaults, overridden by --set.
import type { Authored, AuthoredMap, Span } from './authored.js';
import { child, childMap, childNumber, plainValue } from './authored.js';
import type { Diagnostic, Place } from './diagnostics.js';
import { suggest } from './did-you-mean.js';
import { checkScalar, planScalar } from './scalar-check.js';
import type { ScalarDeclaration, ScalarType } from './scalar-check.js';
import type { SourceFile } from './source-file.js';

export interface Param {
  name: string;
  key: Span;
  /** Null when the declaration is wrong; then its value is unknown, too. */
  type: ScalarType | null;
  /** As the plan holds it; undefined when it has none or a wrong one. */
  value: unknown;
}

const types: readonly string[] = ['string', 'number', 'integer', 'boolean', 'duration', 'list'];

/** The params with their values, and what is wrong with them. `set` holds values from outside: text is read by the param's type. Pure. */
export function readParams(
  file: SourceFile,
  root: AuthoredMap,
  set: Record<string, unknown>,
): { params: Map<string, Param>; diagnostics: Diagnostic[] } {
  const params = new Map<string, Param>();
  const diagnostics: Diagnostic[] = [];
  const declared = childMap(root, 'params');
  for (const [name, { key, value }] of declared?.entries ?? []) {
    const declaration = value.form === 'map' ? declarationOf(value) : null;
    const param: Param = { name, key, type: declaration?.type ?? null, value: undefined };
    params.set(name, param);
    if (declaration === null || value.form !== 'map') continue;
    const given = Object.hasOwn(set, name)
      ? { value: fromText(set[name], declaration.type), at: setPlace(name, set[name]) }
      : defaultOf(file, value);
    if (given === null) {
      const hint = `give it with --set ${name}=…, or declare a default`;
      diagnostics.push(
        file.error('missing-param', key, `the param \`${name}\` has no default and was not set`, { hint }),
      );
      continue;
    }
    const problem = checkScalar(given.value, declaration, `param \`${name}\``);
    if (problem === null) param.value = planScalar(given.value, declaration.type);
    else diagnostics.push({ ...file.error(problem.code, key, problem.message, { hint: problem.hint }), at: given.at });
  }
  return { params, diagnostics: [...diagnostics, ...unknownSets(file, params, set)] };
}

function defaultOf(file: SourceFile, map: AuthoredMap): { value: unknown; at: Place } | null {
  const authored: Authored | undefined = child(map, 'default');
  return authored === undefined ? null : { value: plainValue(authored), at: file.place(authored.span) };
}

function declarationOf(map: AuthoredMap): ScalarDeclaration | null {
  const type = child(map, 'type');
  if (type?.form !== 'scalar' || typeof type.value !== 'string' || !types.includes(type.value)) return null;
  const choices = child(map, 'choices');
  return {
    type: type.value as ScalarType,
    enum: choices?.form === 'list' ? choices.items.map(plainValue) : undefined,
    minimum: childNumber(map, 'min'),
    maximum: childNumber(map, 'max'),
  };
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
