// The text of a test file as cases in reading order, before any plan is known.
import { child, childMap, childNumber, childString, plainValue } from '../compiler/authored.js';
import type { AuthoredMap, Span } from '../compiler/authored.js';
import type { Diagnostic } from '../compiler/diagnostics.js';
import { suggest } from '../compiler/did-you-mean.js';
import { parseText } from '../compiler/parse-text.js';
import { structure } from '../compiler/rules/structure.js';
import { makeSourceFile } from '../compiler/source-file.js';
import type { SourceFile } from '../compiler/source-file.js';
import { pipelineTestSchema } from '../schemas/generated/pipeline-test-schema.js';
import { pipelineTest } from '../schemas/generated/validators.js';

export interface TestFile {
  file: SourceFile;
  root: AuthoredMap;
  /** The pipeline's path as it is written; null when it is missing. */
  pipeline: { path: string; span: Span } | null;
  cases: TestCase[];
}

export interface TestCase {
  name: string;
  key: Span;
  map: AuthoredMap;
  /** Params by name: those of the file, then those of the case. */
  set: Record<string, { value: unknown; key: Span; span: Span }>;
  seed: number | undefined;
  /** The case whose store it finds. */
  after: TestCase | null;
}

export interface ParsedTestFile {
  /** Null when it is no map at all. */
  test: TestFile | null;
  /** What is wrong without looking at the pipeline. */
  diagnostics: Diagnostic[];
}

/** Reads a test file. Pure; never throws on a bad one. */
export function parseTestFile(path: string, written: string): ParsedTestFile {
  const text = written.replace(/^\ufeff/, '');
  const file = makeSourceFile(path, text);
  const { root, problems } = parseText(text);
  const diagnostics = problems.map(({ code, span, message, hint, related }) =>
    withPathHint(file.error(code, span, message, { hint, related: related ?? [] }), text),
  );
  if (root?.form !== 'map' || problems.some(({ code }) => code !== 'duplicate-key' && code !== 'wrong-type')) {
    const hint = 'begin with pipeline: ./x.yaml, then cases:';
    if (diagnostics.length === 0)
      diagnostics.push(file.error('wrong-type', { start: 0, end: 1 }, 'the file is not a map', { hint }));
    return { test: null, diagnostics };
  }
  const own = root.entries.get('pawl');
  if (own !== undefined && !root.entries.has('pipeline') && !root.entries.has('cases')) {
    const hint = `write a test file beside it, ${path.replace(/(?:\.test)?\.ya?ml$/, '')}.test.yaml, with pipeline: and cases:`;
    diagnostics.push(file.error('unknown-key', own.key, 'this is a pipeline, not a test file', { hint }));
    return { test: null, diagnostics };
  }
  diagnostics.push(...structure(file, root, { validate: pipelineTest, schema: pipelineTestSchema }));
  const cases = readCases(root);
  diagnostics.push(...linkCases(file, cases));
  const name = childString(root, 'pipeline');
  const span = child(root, 'pipeline')?.span;
  const pipeline = name === undefined || span === undefined ? null : { path: name, span };
  return { test: { file, root, pipeline, cases }, diagnostics };
}

/** In a list in brackets, or as a key, a path with an index needs quotes: YAML reads its bracket as a list. */
function withPathHint(found: Diagnostic, text: string): Diagnostic {
  const line = text.split('\n')[found.at.line - 1] ?? '';
  const path = /[a-z][a-z0-9_]*\[\d+\](?:\.[a-z][a-z0-9_]*)?/.exec(line.replace(/"[^"]*"/g, ''))?.[0];
  if (found.code !== 'yaml-syntax' || path === undefined) return found;
  return { ...found, hint: `put a path with an index in quotes: "${path}"` };
}

function readCases(root: AuthoredMap): TestCase[] {
  const shared = setOf(root);
  return [...(childMap(root, 'cases')?.entries ?? [])].flatMap(([name, { key, value }]): TestCase[] => {
    // A name and nothing else is a case: everything succeeds.
    if (value.form === 'list' || (value.form === 'scalar' && value.value !== null)) return [];
    const map: AuthoredMap = value.form === 'map' ? value : { form: 'map', span: value.span, entries: new Map() };
    const seed = childNumber(map, 'seed') ?? childNumber(root, 'seed');
    return [{ name, key, map, set: { ...shared, ...setOf(map) }, seed, after: null }];
  });
}

const setOf = (map: AuthoredMap): TestCase['set'] =>
  Object.fromEntries(
    [...(childMap(map, 'set')?.entries ?? [])].map(([name, { key, value }]) => [
      name,
      { value: plainValue(value), key, span: value.span },
    ]),
  );

function linkCases(file: SourceFile, cases: TestCase[]): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const one of cases) {
    const name = childString(one.map, 'after');
    const span = child(one.map, 'after')?.span;
    if (name === undefined || span === undefined) continue;
    one.after = cases.find((other) => other.name === name) ?? null;
    if (one.after !== null) continue;
    const hint = suggest(
      name,
      cases.map((other) => other.name),
    );
    diagnostics.push(file.error('unknown-reference', span, `there is no case \`${name}\``, { hint }));
  }
  for (const one of cases) {
    if (!isInCircle(one)) continue;
    const span = child(one.map, 'after')?.span ?? one.key;
    diagnostics.push(file.error('cycle', span, `\`${one.name}\` comes after itself`, { hint: 'remove one `after`' }));
    one.after = null;
  }
  return diagnostics;
}

function isInCircle(start: TestCase): boolean {
  const seen = new Set<TestCase>();
  for (let current = start.after; current !== null && !seen.has(current); current = current.after) {
    if (current === start) return true;
    seen.add(current);
  }
  return false;
}
