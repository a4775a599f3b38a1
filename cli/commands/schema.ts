// pawl schema: the JSON schemas that other tools need.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli-error.js';
import { editorSchemaText } from '../editor-schema-text.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';

/** What can be printed -> what it is for. */
const schemaNames = {
  pipeline: 'pipelines, with the step kinds of this installation; for editors',
  'step-kind': 'declarations of step kinds of your own',
  plan: 'what `plan --format json` and the store hold of a pipeline',
} as const;

/** Prints a schema. Fails with CliError when there is none of this name. */
export async function schema(name: string): Promise<number> {
  if (!Object.hasOwn(schemaNames, name))
    throw new CliError(
      exitCodes.invalid,
      `There is no schema \`${name}\`; there are ${Object.keys(schemaNames).join(', ')}.`,
    );
  const { default: config } = await import('../../temporal.config.js');
  const text =
    name === 'pipeline'
      ? await editorSchemaText(config)
      : readFileSync(join(config.packageRoot, 'schemas', `${name}.schema.json`), 'utf8');
  processOutput(false).line(text.trimEnd());
  return exitCodes.ok;
}
