// pawl init: a pipeline to begin with, and the schema that an editor needs for it. Overwrites nothing.
import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { TemporalConfig } from '../../schemas/config.js';
import { CliError } from '../cli-error.js';
import { editorSchemaText } from '../editor-schema-text.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';
import { starter } from '../starter.js';

/** Writes `<name>.yaml`; `name` may lead into another folder. Fails with CliError when the file is there already. */
export async function init(name: string): Promise<number> {
  const path = name.endsWith('.yaml') ? name : `${name}.yaml`;
  const pipeline = basename(path, '.yaml');
  if (!/^[a-z][a-z0-9-]*$/.test(pipeline))
    throw new CliError(
      exitCodes.invalid,
      `\`${pipeline}\` cannot be the name of a pipeline: lower-case letters, digits and dashes, starting with a letter.`,
    );
  const { default: config } = await import('../../temporal.config.js');
  const folder = dirname(resolve(path));
  const schema = schemaFor(folder, config);
  writeNew(path, starter(pipeline, schema.path));
  const output = processOutput(false);
  output.line(`${path}: written. \`npx pawl run ${path}\` runs it within seconds.`);
  if (!schema.isMissing) return exitCodes.ok;
  const schemaFile = join(folder, schema.path);
  writeNew(schemaFile, await editorSchemaText(config));
  output.line(`${relative('.', schemaFile)}: written, for your editor. \`npx pawl schema\` prints it anew.`);
  return exitCodes.ok;
}

/** The schema of this installation where the file is inside of it; else one beside the file. */
function schemaFor(folder: string, { packageRoot, kinds }: TemporalConfig): { path: string; isMissing: boolean } {
  const shared = join(packageRoot, 'schemas', 'pipeline.schema.json');
  const isInside = `${folder}${sep}`.startsWith(`${packageRoot}${sep}`);
  if (isInside && kinds.length === 0 && existsSync(shared)) {
    const path = relative(folder, shared).replaceAll(sep, '/');
    return { path: path.startsWith('.') ? path : `./${path}`, isMissing: false };
  }
  const beside = './pipeline.schema.json';
  return { path: beside, isMissing: !existsSync(join(folder, beside)) };
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new CliError(
        exitCodes.invalid,
        `${path} is there already and stays as it is. Give another name: \`npx pawl init NAME\`.`,
      );
    if (code === 'ENOENT')
      throw new CliError(exitCodes.invalid, `The folder ${dirname(path)} does not exist. Make it first.`);
    throw new CliError(exitCodes.invalid, `${path} cannot be written: ${message}`);
  }
}
