// `else` of a step that inlines a file: each of its outputs is supplied by the node that makes it, when that is skipped.
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import { childMap } from './authored.js';
import type { Step } from './pipeline.js';
import { visibleStep } from './pipeline.js';

export interface Maker {
  step: Step;
  output: string;
}

/** The node inside the file that makes an output of it; null when the file hands through what is given to it. Pure. */
export function makerOf(analysis: Analysis, include: Step, name: string): Maker | null {
  const field = include.included === null ? undefined : analysis.exported(include.included, 'output', name);
  const read = field === undefined ? null : outputRead(field);
  return read?.step.form === 'include' ? makerOf(analysis, read.step, read.output) : read;
}

/** The output of a step that a field is, and nothing else. */
function outputRead({ parts, scope }: AnalysedField): Maker | null {
  const parsed = parts[0]?.part.parsed;
  const [root, name = '', ...names] = parsed?.references[0]?.path ?? [];
  // Of a step with a matrix, the outputs of its best cell.
  const [section, output = ''] = names[0] === 'best' ? names.slice(1) : names;
  const step = parsed?.plain === true && root === 'steps' && section === 'outputs' ? visibleStep(scope, name) : null;
  return step === null ? null : { step, output };
}

/** Whether the node has an `else` of its own for that output. Pure. */
export const hasElse = ({ step, output }: Maker): boolean => childMap(step.map, 'else')?.entries.has(output) === true;

/** The `else` of steps that inline files, with the node and output that each is for. Pure. */
export function suppliedElses(analysis: Analysis): { field: AnalysedField; maker: Maker }[] {
  return analysis.fields.flatMap((field) => {
    if (field.role !== 'else' || field.owner?.form !== 'include') return [];
    const maker = makerOf(analysis, field.owner, field.name);
    return maker === null ? [] : [{ field, maker }];
  });
}
