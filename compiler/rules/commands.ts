// bad-value, bad-name, expression-type, may-be-absent, file-not-found, file-outside, not-cached: `uses: command`.
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import type { Authored, AuthoredMap, Span } from '../authored.js';
import { child, childString, childStrings } from '../authored.js';
import { codePath, isTrue } from '../command.js';
import type { Diagnostic } from '../diagnostics.js';
import { isCommand } from '../fields.js';
import type { Pipeline, Step } from '../pipeline.js';
import { showValue } from '../scalar-check.js';
import { settingLayers } from '../settings.js';
import { describeExpressionType } from '../single-expression.js';
import type { FileLookup, FoundFile, Rule } from './rule.js';
import { checkPieces } from './scalars.js';

export const commands: Rule = (analysis, lookup) => {
  const { pipeline } = analysis;
  const ofFields = analysis.fields.flatMap((field) => {
    if (field.owner === null || !isCommand(field.owner)) return [];
    if (field.role === 'run') return checkArguments(analysis, field);
    return field.role === 'input' ? checkPieces(analysis, field) : [];
  });
  const ofSteps = pipeline.steps
    .filter(isCommand)
    .flatMap((step) => [
      ...checkShell(pipeline, step),
      ...checkEnv(pipeline, step),
      ...checkCode(pipeline, step, lookup),
      ...checkCache(pipeline, step),
    ]);
  return [...ofFields, ...ofSteps];
};

/** `run` is a list without a shell, one line with it. */
function checkShell({ file }: Pipeline, step: Step): Diagnostic[] {
  const run = child(step.map, 'run');
  const withShell = isTrue(step.map, 'shell');
  if (run?.form === 'list' && withShell) {
    const message = `\`run\` of \`${step.name}\` is a list; with \`shell: true\` it is one line for /bin/sh`;
    return [file.error('bad-value', run.span, message, { hint: 'write one string, or remove `shell`' })];
  }
  if (run?.form !== 'scalar' || typeof run.value !== 'string') return [];
  if (run.value.trim() === '') return [file.error('bad-value', run.span, `\`run\` of \`${step.name}\` is empty`)];
  if (withShell) return [];
  const message = `\`run\` of \`${step.name}\` is one string, but no shell is there to split it`;
  const words = run.value.trim().split(/\s+/);
  const asList = /^[\w./=:@%+,\s-]+$/.test(run.value)
    ? `write run: [${words.map(yamlWord).join(', ')}]`
    : 'write a list: run: [python, train.py]';
  return [file.error('bad-value', run.span, message, { hint: `${asList}, or add \`shell: true\`` })];
}

/** A word as an item of a list in brackets. */
const yamlWord = (word: string): string => (/^[A-Za-z./][\w./+-]*$/.test(word) ? word : JSON.stringify(word));

/** Arguments are text, numbers and artifacts; the last stand for their folders. */
function checkArguments(analysis: Analysis, field: AnalysedField): Diagnostic[] {
  const { file } = analysis.pipeline;
  const { authored } = field;
  if (authored.form === 'map') return [];
  const [first] = authored.form === 'list' ? authored.items : [];
  const ofProgram =
    first?.form === 'scalar' && (typeof first.value !== 'string' || first.value.trim() === '')
      ? [file.error('bad-value', first.span, `${field.label} begins with the program, not ${showValue(first.value)}`)]
      : [];
  const allowed = ['string', 'integer', 'number', 'boolean', 'duration', 'artifact', 'unknown'];
  const withShell = field.owner !== null && isTrue(field.owner.map, 'shell');
  const inText = [...field.texts.values()].flatMap((text) => (text.form === 'template' ? text.parts : []));
  const ofParts = field.parts.flatMap(({ part, type }) => {
    if (type === null || inText.includes(part)) return [];
    if (type.optional) {
      const message = `${field.label} must be there, but the carry is absent at iteration 0`;
      return [file.error('may-be-absent', part.span, message, { hint: 'give the carry an `init`' })];
    }
    if (allowed.includes(type.is) && !(withShell && type.is === 'artifact')) return [];
    const what = describeExpressionType(type);
    const message = `an argument is a string, number, boolean or artifact; this is ${what}`;
    const hint = 'give it under `with`, and read it from the file that PAWL_JOB names';
    return [file.error('expression-type', part.span, message, { hint })];
  });
  return [...ofProgram, ...checkPieces(analysis, field), ...ofParts];
}

function checkEnv({ file }: Pipeline, step: Step): Diagnostic[] {
  return childStrings(step.map, 'env').flatMap(({ value, span }) => {
    if (value.startsWith('PAWL_')) {
      const message = `\`${value}\` is set by Pawl and cannot be passed on`;
      return [file.error('bad-name', span, message, { hint: 'remove it, or rename yours' })];
    }
    if (/^[A-Z_][A-Z0-9_]*$/.test(value)) return [];
    if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(value)) {
      const name = value.slice(0, value.indexOf('=')).toUpperCase();
      const message = '`env` takes names of environment variables, not values';
      return [
        file.error('bad-name', span, message, { hint: `set it where the worker runs, and write env: [${name}]` }),
      ];
    }
    const message = `${showValue(value)} is not the name of an environment variable`;
    const hint = 'capital letters, digits and _, not starting with a digit';
    return [file.error('bad-name', span, message, { hint })];
  });
}

function checkCode({ file }: Pipeline, step: Step, lookup: FileLookup): Diagnostic[] {
  const authored = child(step.map, 'code');
  const path = childString(step.map, 'code');
  if (authored === undefined || path === undefined) return [];
  const { span } = authored;
  const label = `\`code\` of \`${step.name}\``;
  if (path.includes('${{')) {
    const hint = 'give what varies under `with`';
    return [file.error('bad-value', span, `${label} is a path and takes no expression`, { hint })];
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    return [file.error('bad-value', span, `${label} is a path of this machine, not an address`)];
  }
  if (leavesFolder(path)) return [outside(file, span, label, path)];
  const found = lookup(codePath(step) ?? path, 'code');
  if (found === null) {
    const hint = 'paths are relative to the file that they stand in';
    return [file.error('file-not-found', span, `there is no file or folder \`${path}\``, { hint })];
  }
  return checkFound(file, span, { label, path, found });
}

function checkFound(
  file: Pipeline['file'],
  span: Span,
  { label, path, found }: { label: string; path: string; found: FoundFile },
): Diagnostic[] {
  if (found.outside === true) return [outside(file, span, label, path)];
  if (found.problem === undefined) return [];
  return [file.error('bad-value', span, `${label} cannot be stored: ${found.problem}`)];
}

function outside(file: Pipeline['file'], span: Span, label: string, path: string): Diagnostic {
  const message = `${label}: \`${path}\` lies outside the folder of the pipeline file`;
  const hint = 'put it beside the pipeline file, or in a folder below it';
  return file.error('file-outside', span, message, { hint });
}

/** Whether a path, by its text, is absolute or climbs above where it starts. */
function leavesFolder(path: string): boolean {
  let depth = 0;
  for (const part of path.split(/[/\\]/)) {
    if (part === '..') depth -= 1;
    else if (part !== '.' && part !== '') depth += 1;
    if (depth < 0) return true;
  }
  return /^([/\\]|[A-Za-z]:|~)/.test(path);
}

/** What a program does that is not stored is known to nobody, so other runs do not take its results. */
function checkCache({ file }: Pipeline, step: Step): Diagnostic[] {
  const says = (map: AuthoredMap | undefined): boolean => map?.entries.has('cache') === true;
  if (step.map.entries.has('code') || settingLayers(step).some(says)) return [];
  const uses: Authored | undefined = child(step.map, 'uses');
  const message = `\`${step.name}\` is run again by every run: it has no \`code\`, so a change of its program would go unnoticed`;
  const hint = 'name its files with `code: ./folder`, or write `cache: false`';
  return [file.warning('not-cached', uses?.span ?? step.key, message, { hint })];
}
