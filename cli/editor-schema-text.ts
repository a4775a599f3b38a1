// The schema of pipelines as an editor reads it, with the step kinds of this installation.
import type { TemporalConfig } from '../schemas/config.js';
import { editorSchema } from '../schemas/editor-schema.js';
import { pipelineSchema } from '../schemas/generated/pipeline-schema.js';
import { knownKinds } from './known-kinds.js';

/** JSON, ending with a line break. Fails with CliError when a kind of the configuration is not in order. */
export async function editorSchemaText(config: Pick<TemporalConfig, 'kinds' | 'packageRoot'>): Promise<string> {
  return `${JSON.stringify(editorSchema(pipelineSchema, await knownKinds(config)), null, 2)}\n`;
}
