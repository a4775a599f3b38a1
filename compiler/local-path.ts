// The path of a local file as the pipeline file would write it: relative paths count from the file that they stand in.
import { posix } from 'node:path';
import type { AnalysedField } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import type { Unit } from './pipeline.js';

/** `path` is the value of the field. Pure. */
export function localPath(analysis: Analysis, field: AnalysedField, path: string): string {
  const unit = writtenIn(analysis, field);
  return unit.by === null || posix.isAbsolute(path) ? path : posix.join(posix.dirname(unit.path), path);
}

/** The file where the text of a field stands: that of the step which gives it, when the field is a param and nothing else. */
function writtenIn(analysis: Analysis, field: AnalysedField): Unit {
  const { unit } = field.scope;
  const { plain, references } = field.parts[0]?.part.parsed ?? { plain: false, references: [] };
  const [root, name = ''] = references[0]?.path ?? [];
  const given = plain && root === 'params' && unit.by !== null ? analysis.given(unit.by, name) : undefined;
  return given === undefined ? unit : writtenIn(analysis, given);
}
