import { describe, expect, it } from 'vitest';
import { editorSchema } from '../../schemas/editor-schema.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { pipelineSchema } from '../../schemas/generated/pipeline-schema.js';

describe('the schema that editors read', () => {
  it('does not depend on the order of the declarations', () => {
    const reversed = Object.fromEntries(Object.entries(stepKinds).reverse());
    expect(JSON.stringify(editorSchema(pipelineSchema, reversed))).toBe(
      JSON.stringify(editorSchema(pipelineSchema, stepKinds)),
    );
  });

  it('says the same as the declaration about a number, a choice, a list and an artifact', () => {
    const kind = {
      ...stepKinds['test.sleep']!,
      kind: 'acme.shout',
      inputs: {
        loud: { type: 'number' as const, help: 'How loud.', minimum: 0, maximum: 11, default: 3 },
        tone: { type: 'string' as const, help: 'How.', enum: ['high', 'low'] },
        words: { type: 'list' as const, help: 'What.', items: { type: 'string' }, default: [] },
        from: { artifact: 'folder' as const, required: true, help: 'Whence.' },
      },
    };
    const { $defs } = editorSchema(pipelineSchema, { [kind.kind]: kind }) as { $defs: Record<string, object> };
    expect($defs['with acme.shout']).toMatchObject({
      required: ['tone', 'from'],
      additionalProperties: false,
      properties: {
        loud: { default: 3, else: { type: 'number', minimum: 0, maximum: 11 } },
        tone: { else: { enum: ['high', 'low'] } },
        words: { else: { type: 'array', items: { type: 'string' } } },
        from: { type: 'string' },
      },
    });
  });
});
