import { describe, expect, it } from 'vitest';
import { editorSchema } from '../../schemas/editor-schema.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { pipelineSchema } from '../../schemas/generated/pipeline-schema.js';

interface Described {
  $ref?: string;
  $defs?: Record<string, Described>;
}

describe('the schema that editors read', () => {
  it('does not depend on the order of the declarations', () => {
    const reversed = Object.fromEntries(Object.entries(stepKinds).reverse());
    expect(JSON.stringify(editorSchema(pipelineSchema, reversed))).toBe(
      JSON.stringify(editorSchema(pipelineSchema, stepKinds)),
    );
  });

  it('has a word on every key, so that an editor has something to show', () => {
    const schema = editorSchema(pipelineSchema, stepKinds) as Described;
    const definitions = schema.$defs ?? {};
    const wordless = (node: Described, at: string): string[] =>
      Object.entries(node).flatMap(([key, below]): string[] => {
        if (typeof below !== 'object' || below === null || key === 'if') return [];
        const own =
          key !== 'properties'
            ? []
            : Object.entries(below as Record<string, Described>).filter(([, property]) => !isDescribed(property));
        return [...own.map(([name]) => `${at}.${name}`), ...wordless(below as Described, `${at}/${key}`)];
      });
    const isDescribed = (node: Described): boolean => {
      if ('description' in node || 'markdownDescription' in node || 'allOf' in node || 'anyOf' in node) return true;
      const target = definitions[node.$ref?.replace('#/$defs/', '') ?? ''];
      return target !== undefined && isDescribed(target);
    };
    // Under a chosen kind these two are described by the kind.
    expect(wordless(schema, '')).toEqual(['/$defs/KindStep.with', '/$defs/KindStep.else']);
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
