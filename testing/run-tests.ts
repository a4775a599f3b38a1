// A test file from its text to the result of every case. Does no I/O: the pipeline is compiled by whoever calls.
import { child, childMap } from '../compiler/authored.js';
import type { AuthoredMap, Span } from '../compiler/authored.js';
import type { CompileOutput } from '../compiler/compile.js';
import { sortDiagnostics } from '../compiler/diagnostics.js';
import type { Diagnostic, Place } from '../compiler/diagnostics.js';
import type { Plan } from '../schemas/generated/plan.js';
import { readScript } from './case-script.js';
import type { CaseScript } from './case-script.js';
import { readStepExpectations } from './expect-steps.js';
import { readRunExpectations } from './expect-run.js';
import type { Expectation } from './expectation.js';
import { copyOf, emptyStore } from './memory-store.js';
import type { MemoryStore } from './memory-store.js';
import type { Reading } from './reading.js';
import { runCase } from './run-case.js';
import { parseTestFile } from './test-file.js';
import type { TestCase, TestFile } from './test-file.js';

/** Compiles the pipeline at a path as the test file writes it; null when there is no such file. */
export type CompilePipeline = (
  path: string,
  settings: { set: Record<string, unknown>; seed: number | undefined },
) => Promise<Compiled | null>;

type Compiled = Pick<CompileOutput, 'plan' | 'diagnostics' | 'texts'>;

export interface CaseResult {
  name: string;
  at: Place;
  /** Virtual milliseconds from the start of the run to its end. */
  tookMs: number;
  /** In the order of their places; none = it passed. */
  failures: CaseFailure[];
}

export interface CaseFailure {
  at: Place;
  message: string;
  hint: string | null;
}

export interface TestRun {
  /** What is wrong with the test file; then nothing is run. */
  diagnostics: Diagnostic[];
  /** What is wrong with the pipeline, in its own file. */
  pipelineDiagnostics: Diagnostic[];
  /** The texts of the files that the diagnostics are about, by path. */
  texts: Map<string, string>;
  /** In the order of the file. */
  cases: CaseResult[];
}

/**
 * Runs the cases of a test file whose names contain `filter`. The same text and pipeline give the same result. `ended` is
 * called after each case, before the next begins.
 */
export async function runTests(
  { path, text, filter = '' }: { path: string; text: string; filter?: string | undefined },
  compilePipeline: CompilePipeline,
  ended: (result: CaseResult) => void = () => undefined,
): Promise<TestRun> {
  const { test, diagnostics } = parseTestFile(path, text);
  const texts = new Map([[path, text]]);
  if (test === null) return { diagnostics, pipelineDiagnostics: [], texts, cases: [] };
  const prepared = await prepare(test, compilePipeline);
  for (const [name, one] of prepared.texts) texts.set(name, one);
  const all = sortDiagnostics([...diagnostics, ...prepared.diagnostics], [path]);
  const pipelineDiagnostics = sortDiagnostics(prepared.pipelineDiagnostics, texts.keys());
  if (all.some(({ severity }) => severity === 'error') || prepared.cases === null)
    return { diagnostics: all, pipelineDiagnostics, texts, cases: [] };
  const stores = new Map<TestCase, MemoryStore>();
  const cases: CaseResult[] = [];
  for (const one of prepared.cases) {
    if (!one.test.name.includes(filter)) continue;
    const result = await runPrepared(test, prepared.cases, one, stores);
    cases.push(result);
    ended(result);
  }
  return { diagnostics: all, pipelineDiagnostics, texts, cases };
}

interface PreparedCase {
  test: TestCase;
  plan: Plan;
  script: CaseScript;
  expectations: Expectation[];
}

interface Prepared {
  /** Null when a case could not be read. */
  cases: PreparedCase[] | null;
  diagnostics: Diagnostic[];
  pipelineDiagnostics: Diagnostic[];
  texts: Map<string, string>;
}

async function prepare(test: TestFile, compilePipeline: CompilePipeline): Promise<Prepared> {
  const { file, pipeline } = test;
  const prepared: Prepared = { cases: [], diagnostics: [], pipelineDiagnostics: [], texts: new Map() };
  if (pipeline === null) return { ...prepared, cases: null };
  const compiled = new Map<string, Awaited<ReturnType<CompilePipeline>>>();
  const compileWith = async (set: TestCase['set'], seed: number | undefined): Promise<Compiled | null> => {
    const values = Object.fromEntries(Object.entries(set).map(([name, { value }]) => [name, value]));
    const settings = JSON.stringify([values, seed]);
    if (!compiled.has(settings)) compiled.set(settings, await compilePipeline(pipeline.path, { set: values, seed }));
    return compiled.get(settings) ?? null;
  };
  const found: Diagnostic[][] = [];
  for (const one of test.cases) {
    const output = await compileWith(one.set, one.seed);
    if (output === null) {
      const hint = 'the path is relative to this file';
      const error = file.error('file-not-found', pipeline.span, `there is no file ${pipeline.path}`, { hint });
      return { ...prepared, cases: null, diagnostics: [error] };
    }
    for (const [name, text] of output.texts) prepared.texts.set(name, text);
    const wrong = output.plan === null ? refuse(test, one, output.diagnostics, prepared) : [];
    // Without the params that are wrong, for what else there is to say about the case.
    const others = Object.entries(one.set).filter(([name]) => !wrong.includes(name));
    const plan = output.plan ?? (await compileWith(Object.fromEntries(others), one.seed))?.plan ?? null;
    if (plan === null) continue;
    const ofCase: Diagnostic[] = [];
    prepared.cases?.push(read(test, one, plan, ofCase));
    found.push(ofCase);
  }
  prepared.diagnostics.push(...foundInCases(test, found));
  return prepared;
}

/**
 * What is wrong with the cases. A fake of the file may name a cell of a matrix that some cases do not have: it is wrong when
 * it is wrong in all of them.
 */
function foundInCases({ file, root }: TestFile, found: readonly Diagnostic[][]): Diagnostic[] {
  const steps = child(root, 'steps');
  const shared = steps === undefined ? null : file.place(steps.span);
  const isShared = ({ at }: Diagnostic): boolean =>
    shared !== null &&
    at.line >= shared.line &&
    (at.line < shared.endLine || (at.line === shared.endLine && at.column < shared.endColumn));
  const isSame = (a: Diagnostic, b: Diagnostic): boolean =>
    a.at.line === b.at.line && a.at.column === b.at.column && a.code === b.code;
  return found
    .flat()
    .filter((one) => !isShared(one) || found.every((ofCase) => ofCase.some((other) => isSame(one, other))));
}

/** Reports why there is no plan: params are the test file's, everything else is wrong in the pipeline. The wrong params. */
function refuse({ file, pipeline }: TestFile, one: TestCase, found: Diagnostic[], prepared: Prepared): string[] {
  const errors = found.filter(({ severity }) => severity === 'error');
  const wrong = errors.flatMap((error) => paramOf(error, one) ?? []);
  for (const error of errors) {
    const given = one.set[paramOf(error, one) ?? ''];
    if (given !== undefined) {
      const at = file.place(error.code === 'unknown-param' ? given.key : given.span);
      prepared.diagnostics.push({ ...error, at });
    } else if (error.code === 'missing-param') {
      prepared.diagnostics.push(withoutDefault(error, file.place(one.key)));
    } else prepared.pipelineDiagnostics.push(error);
  }
  if (prepared.pipelineDiagnostics.length > 0 && pipeline !== null)
    prepared.diagnostics.push(
      file.error('bad-value', pipeline.span, 'the pipeline does not compile', {
        hint: 'what is wrong with it follows',
      }),
    );
  return wrong;
}

/** The param that an error from outside the pipeline file is about. */
const paramOf = ({ at }: Diagnostic, { set }: TestCase): string | null =>
  at.line === 0 ? (Object.keys(set).find((name) => at.file.startsWith(`--set ${name}=`)) ?? null) : null;

const withoutDefault = (error: Diagnostic, at: Place): Diagnostic => ({
  ...error,
  at,
  related: [{ message: 'the param is declared here', at: error.at }],
  hint: 'give it under `set` of the case, or of the file',
});

const nothing: AuthoredMap = { form: 'map', span: { start: 0, end: 0 }, entries: new Map() };

function read({ file, root }: TestFile, test: TestCase, plan: Plan, diagnostics: Diagnostic[]): PreparedCase {
  const reading: Reading = { file, plan, diagnostics };
  const expect = childMap(test.map, 'expect');
  const script = readScript(reading, root, test.map);
  const expectations = [
    ...readRunExpectations(reading, expect, test.key),
    ...readStepExpectations(reading, expect ?? nothing),
  ];
  return { test, plan, script, expectations };
}

async function runPrepared(
  file: TestFile,
  all: readonly PreparedCase[],
  one: PreparedCase,
  stores: Map<TestCase, MemoryStore>,
): Promise<CaseResult> {
  const before = one.test.after;
  const store = before === null ? emptyStore() : copyOf(await storeAfter(file, all, before, stores));
  const { observed, problems } = await runCase(one.test.name, one.plan, one.script, store);
  stores.set(one.test, store);
  // With a fake that does not do, all else that happened is a consequence.
  const expectations = problems.length > 0 ? [] : one.expectations;
  const found = [
    ...problems.map(({ span, message, hint }) => ({ span: span ?? one.test.key, message, hint })),
    ...expectations.flatMap((expectation) => {
      const message = expectation.unmet(observed);
      return message === null ? [] : [{ span: expectation.span, message, hint: null }];
    }),
  ];
  return {
    name: one.test.name,
    at: file.file.place(one.test.key),
    tookMs: observed.tookMs,
    failures: found.sort((a, b) => a.span.start - b.span.start).map((item) => inFile(file, item)),
  };
}

const inFile = (
  { file }: TestFile,
  { span, ...rest }: { span: Span; message: string; hint: string | null },
): CaseFailure => ({
  at: file.place(span),
  ...rest,
});

/** What a case leaves in the store; it is run for that when it has not been. */
async function storeAfter(
  file: TestFile,
  all: readonly PreparedCase[],
  test: TestCase,
  stores: Map<TestCase, MemoryStore>,
): Promise<MemoryStore> {
  const known = stores.get(test);
  if (known !== undefined) return known;
  const prepared = all.find((other) => other.test === test);
  if (prepared === undefined) throw new Error(`Internal error: the case ${test.name} was not read`);
  await runPrepared(file, all, prepared, stores);
  return stores.get(test) ?? emptyStore();
}
