// What must hold for any text: an answer within a second, a plan that its schema takes or an error with a place in a file.
import { compile } from '../../../compiler/compile.js';
import type { CompileOutput } from '../../../compiler/compile.js';
import { formatDiagnostics } from '../../../compiler/format-diagnostics.js';
import type { FileLookup } from '../../../compiler/rules/rule.js';
import { plan as validPlan } from '../../../schemas/generated/validators.js';
import { planHash } from '../../../schemas/identity.js';
import type { CorpusFile } from './corpus.js';
import { mutate } from './mutate.js';
import { randomFrom } from './random.js';

export interface CaseResult {
  seed: number;
  text: string;
  /** What does not hold; null when all does. */
  fault: string | null;
  ms: number;
  gavePlan: boolean;
}

/** Makes the case of a seed and checks it. */
export function checkSeed(files: readonly CorpusFile[], seed: number): CaseResult {
  const random = randomFrom(seed);
  const right = files.filter(({ path }) => !path.includes('/err/'));
  const text = mutate(random.of(random.below(3) === 0 ? files : right).text, random.of(files).text, random);
  const included = random.of(files).text;
  return { seed, ...checkText(text, included) };
}

/** Checks one text; `./other.yaml` and its like read as `included`. */
export function checkText(text: string, included: string): Omit<CaseResult, 'seed'> {
  const startedAt = performance.now();
  try {
    const output = compile({ path: 'x.yaml', text, set: {}, files, includes: () => included });
    const ms = performance.now() - startedAt;
    return { text, fault: faultOf(output), ms, gavePlan: output.plan !== null };
  } catch (error) {
    const fault = `it throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    return { text, fault, ms: performance.now() - startedAt, gavePlan: false };
  }
}

/** Some paths exist, as files or folders. */
const files: FileLookup = (path) => {
  const kind = path.length % 3;
  return kind === 0 ? null : { digest: `sha256:${'a'.repeat(64)}`, bytes: 1, folder: kind === 1 };
};

function faultOf({ plan, diagnostics, texts }: CompileOutput): string | null {
  if (formatDiagnostics(diagnostics, texts) === '' && diagnostics.length > 0) return 'its diagnostics say nothing';
  for (const { at, related, message } of diagnostics)
    for (const place of [at, ...related.map((item) => item.at)])
      if (!isInFile(place, texts)) return `"${message}" lies outside its file, at ${JSON.stringify(place)}`;
  const hasError = diagnostics.some(({ severity }) => severity === 'error');
  if (plan === null) return hasError ? null : 'it has neither a plan nor an error';
  if (hasError) return 'it has a plan and an error';
  if (!validPlan(plan)) return `its plan is not valid: ${JSON.stringify(validPlan.errors?.[0])}`;
  return /^sha256:[0-9a-f]{64}$/.test(planHash(plan)) ? null : 'its plan has no hash';
}

function isInFile(
  { file, line, column, endLine, endColumn }: CompileOutput['positions'][string],
  texts: CompileOutput['texts'],
): boolean {
  const lines = texts.get(file)?.split('\n');
  const text = lines?.[line - 1];
  if (lines === undefined || text === undefined) return false;
  return (
    column >= 1 &&
    column <= text.length + 1 &&
    endLine >= line &&
    endLine <= lines.length &&
    (endLine > line || endColumn >= column)
  );
}
