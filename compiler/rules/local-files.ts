// file-not-found: inputs declared `file` or `folder` name what lies beside the pipeline file.
import type { Cell } from '../../schemas/generated/plan.js';
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import type { Diagnostic } from '../diagnostics.js';
import { localPath } from '../local-path.js';
import { cellsOf, constantOf } from '../plan-value.js';
import type { FileLookup, Rule } from './rule.js';

export const localFiles: Rule = (analysis, lookup) =>
  analysis.fields.flatMap((field) => {
    if (field.expect.is !== 'scalar') return [];
    const { type } = field.expect.declaration;
    if (type !== 'file' && type !== 'folder') return [];
    if (field.parts.some((part) => part.type === null)) return [];
    return cellsOf(field).flatMap((cell) => check(analysis, field, type, { cell, lookup }));
  });

function check(
  analysis: Analysis,
  field: AnalysedField,
  type: 'file' | 'folder',
  { cell, lookup }: { cell: Cell | null; lookup: FileLookup },
): Diagnostic[] {
  const { file } = analysis.pipeline;
  const { span } = field.authored;
  const constant = constantOf(field, cell);
  if (!constant.known) {
    if (
      constant.error !== null ||
      field.parts.every((part) =>
        part.resolutions.every(({ reference: { path } }) => path[0] === 'params' || path[0] === 'matrix'),
      )
    )
      return [];
    const hint = 'files are stored when the run is submitted: name it with text and params only';
    return [file.error('expression-type', span, `${field.label} must be known before the run`, { hint })];
  }
  if (typeof constant.value !== 'string') return [];
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(constant.value)) {
    return [
      file.error('not-yet', span, `${field.label} is a remote address, which is not read yet`, {
        hint: 'download it and name the local path',
      }),
    ];
  }
  const found = lookup(localPath(analysis, field, constant.value), 'data');
  const hint = 'paths are relative to the file that they stand in';
  if (found === null)
    return [file.error('file-not-found', span, `there is no ${type} \`${constant.value}\``, { hint })];
  if (found.folder === (type === 'folder')) return [];
  const is = found.folder ? 'a folder' : 'a file';
  return [
    file.error('file-not-found', span, `${field.label} takes a ${type}; \`${constant.value}\` is ${is}`, {
      hint: null,
    }),
  ];
}
