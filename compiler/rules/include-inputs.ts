// unknown-input, missing-input, unknown-key: `with` against the params of the file that a step inlines; keys that are for
// single steps.
import { childMap } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import type { Param } from '../params.js';
import type { Step, Unit } from '../pipeline.js';
import { describeType } from '../scalar-check.js';
import type { SourceFile } from '../source-file.js';
import type { Rule } from './rule.js';

export const includeInputs: Rule = ({ pipeline }) =>
  pipeline.steps.flatMap((step) =>
    step.included === null ? [] : inputsOf(pipeline.file, step, step.included, step.uses?.name ?? ''),
  );

function inputsOf(file: SourceFile, step: Step, { params }: Unit, path: string): Diagnostic[] {
  const given = childMap(step.map, 'with')?.entries ?? new Map<string, never>();
  const unknown = [...given]
    .filter(([name]) => !params.has(name))
    .map(([name, { key }]) => {
      const hint = suggest(name, params.keys()) ?? 'the file declares no params';
      return file.error('unknown-input', key, `\`${path}\` has no param \`${name}\``, { hint });
    });
  const missing = [...params.values()]
    .filter((param) => !param.hasDefault && typeOf(param) !== null && !given.has(param.name))
    .map((param) => {
      const message = `\`${step.name}\` (${path}) needs the input \`${param.name}\`, ${typeOf(param) ?? ''}`;
      const hint = `under \`with\`: ${param.name}: …${param.help === null ? '' : ` (${param.help})`}`;
      return file.error('missing-input', step.key, message, {
        hint,
        related: [{ message: `the param \`${param.name}\` is here`, span: param.key }],
      });
    });
  const misplaced = ['matrix', 'best', 'shards'].flatMap((key) => {
    const entry = step.map.entries.get(key);
    if (entry === undefined) return [];
    const message = `\`${step.name}\` inlines a file, and \`${key}\` is for single steps`;
    return [file.error('unknown-key', entry.key, message, { hint: `write \`${key}\` at a step of ${path}` })];
  });
  return [...unknown, ...missing, ...misplaced];
}

const typeOf = ({ artifact, type }: Param): string | null =>
  artifact === null ? (type === null ? null : describeType(type)) : `a ${artifact}`;
