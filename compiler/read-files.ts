// The pipeline file and the files that its steps inline, read into units; and what is wrong with each as a file. A
// broken file leaves its step without a body and hides nothing in the others.
import { posix } from 'node:path';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { AuthoredMap, Span } from './authored.js';
import type { Diagnostic } from './diagnostics.js';
import { readParams } from './params.js';
import { parseText } from './parse-text.js';
import { readUnit } from './pipeline.js';
import type { Pipeline, Step, Unit } from './pipeline.js';
import type { Baseline } from './resolve-baseline.js';
import { structure } from './rules/structure.js';
import { makeSourceFile } from './source-file.js';
import type { SourceFile } from './source-file.js';

/** The text of a file by its path from the folder of the pipeline file; null where there is none. */
export type TextLookup = (path: string) => string | null;

export interface ReadInput {
  path: string;
  text: string;
  set: Record<string, unknown>;
  includes: TextLookup;
  kinds: Record<string, StepKind>;
  baseline: Baseline | null;
}

export interface ReadFiles {
  file: SourceFile;
  /** Null when the pipeline file itself is no pipeline. */
  pipeline: Pipeline | null;
  diagnostics: Diagnostic[];
  /** What the schema says: a rule may be more exact. */
  ofSchema: Diagnostic[];
}

const maxDepth = 16;
const maxFiles = 100;

interface Reading extends ReadInput {
  file: SourceFile;
  units: Unit[];
  diagnostics: Diagnostic[];
  ofSchema: Diagnostic[];
  /** Files opened so far, those that are broken included. */
  opened: number;
}

/** Reads all files. Pure, as far as `includes` is. */
export function readFiles(input: ReadInput): ReadFiles {
  const text = withoutMark(input.text);
  const file = makeSourceFile(input.path, text);
  const reading: Reading = { ...input, file, units: [], diagnostics: [], ofSchema: [], opened: 1 };
  const unit = openUnit(reading, { path: posix.basename(input.path), text, base: 0, by: null });
  const { units, diagnostics, ofSchema } = reading;
  const steps = units.flatMap((item) => item.steps);
  const { kinds, baseline } = input;
  const pipeline: Pipeline | null =
    unit === null
      ? null
      : { file, kinds, baseline, units, steps, root: unit.root, params: unit.params, scope: unit.scope };
  return { file, pipeline, diagnostics, ofSchema };
}

/** Without the mark that some editors put at the start of a text. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, '');

interface Opened {
  path: string;
  text: string;
  base: number;
  by: Step | null;
}

function openUnit(reading: Reading, opened: Opened): Unit | null {
  const { file, diagnostics } = reading;
  const root = rootOf(reading, opened);
  if (root === null) return null;
  reading.ofSchema.push(...structure(file, root));
  const { params, diagnostics: ofParams } = readParams(file, root, opened.by === null ? reading.set : null);
  diagnostics.push(...ofParams);
  const unit = readUnit({ path: opened.path, root, params, by: opened.by }, reading.kinds);
  reading.units.push(unit);
  for (const step of unit.steps) if (step.form === 'include') step.included = includedBy(reading, step);
  return unit;
}

function rootOf({ file, diagnostics }: Reading, { text, base }: Opened): AuthoredMap | null {
  const { root, problems } = parseText(text, base);
  const found = problems.map(({ code, span, message, hint, related }) =>
    file.error(code, span, message, { hint, related: related ?? [] }),
  );
  if (root?.form !== 'map' && found.length === 0) {
    const hint = 'begin with pawl: 1, then name: and steps:';
    found.push(file.error('wrong-type', { start: base, end: base + 1 }, 'the file is not a map', { hint }));
  }
  const cases = root?.form === 'map' ? casesOfTest(root) : null;
  if (cases !== null) {
    const hint = '`pawl test FILE` checks and runs it';
    found.push(file.error('unknown-key', cases, 'this is a test file, not a pipeline', { hint }));
  }
  diagnostics.push(...found);
  // What the parser made of broken text would only add noise.
  const isBroken = found.some(({ code }) => code !== 'duplicate-key' && code !== 'wrong-type');
  return root?.form === 'map' && !isBroken && cases === null ? root : null;
}

/** Where the cases of a test file stand; null when the file is none. */
const casesOfTest = ({ entries }: AuthoredMap): Span | null =>
  entries.has('pipeline') && !entries.has('pawl') ? (entries.get('cases')?.key ?? null) : null;

function includedBy(reading: Reading, step: Step): Unit | null {
  const { file, diagnostics } = reading;
  const uses = step.uses ?? { name: '', span: step.key };
  const path = posix.join(posix.dirname(step.scope.unit.path), uses.name);
  const refusal = refusalOf(reading, step, path, uses.span);
  if (refusal !== null) {
    diagnostics.push(refusal);
    return null;
  }
  const found = reading.includes(path);
  if (found === null) {
    const hint = 'the path is relative to the folder of the file that it stands in';
    diagnostics.push(file.error('file-not-found', uses.span, `there is no file \`${uses.name}\``, { hint }));
    return null;
  }
  reading.opened += 1;
  const text = withoutMark(found);
  const base = file.add(shownPath(reading, path), text, uses.span);
  return openUnit(reading, { path, text, base, by: step });
}

/** As messages name it: beside the pipeline file as the user named that. */
const shownPath = ({ path }: Reading, relative: string): string => posix.join(posix.dirname(path), relative);

function refusalOf(
  reading: Reading,
  step: Step,
  path: string,
  span: { start: number; end: number },
): Diagnostic | null {
  const { file } = reading;
  const chain = [step.scope.unit];
  for (let by = step.scope.unit.by; by !== null; by = by.scope.unit.by) chain.unshift(by.scope.unit);
  const shown = (relative: string): string => `\`${shownPath(reading, relative)}\``;
  const again = chain.findIndex((unit) => unit.path === path);
  if (again !== -1) {
    const names = [...chain.slice(again).map((unit) => unit.path), path].map(shown).join(' uses ');
    const hint = 'move what both need into a file of its own';
    return file.error('include-cycle', span, `a file inlines itself: ${names}`, { hint });
  }
  if (chain.length > maxDepth) {
    const hint = 'inline what the deepest files do into one of them';
    return file.error('include-limit', span, `files are inlined more than ${maxDepth} deep`, { hint });
  }
  if (reading.opened < maxFiles) return null;
  const hint = 'a file that is used several times counts as often';
  return file.error('include-limit', span, `a pipeline is made of at most ${maxFiles} files`, { hint });
}
