// The schema that editors read: the shape of a pipeline and, of each step kind, what `with` and `else` take. It is what
// yaml-language-server can complete, explain and check; the compiler checks the rest. Pure.
import type { ArtifactInput, ScalarInput, StepKind } from './generated/step-kind.js';

type Schema = Record<string, unknown>;

/** A value that is one `${{ }}`: allowed wherever a value is. */
const expression: Schema = { type: 'string', pattern: '^\\s*\\$\\{\\{[\\s\\S]*\\}\\}\\s*$' };
const isExpression: Schema = { $ref: '#/$defs/Expression' };

/**
 * The editor schema: `language` is schemas/language.schema.json, `kinds` are the declarations by name. The same kinds give
 * the same text, whatever their order.
 */
export function editorSchema(language: Schema, kinds: Readonly<Record<string, StepKind>>): Schema {
  const sorted = Object.values(kinds).sort((a, b) => (a.kind < b.kind ? -1 : 1));
  const defs = language.$defs as Record<string, Schema>;
  const ofKinds = sorted.flatMap((kind): [string, Schema][] => [
    [`with ${kind.kind}`, inputsSchema(kind)],
    [`else ${kind.kind}`, outputsSchema(kind)],
  ]);
  const { title: _, ...rest } = language;
  return {
    ...rest,
    $id: 'pipeline-in-an-editor',
    $defs: {
      ...defs,
      Step: stepSchema(defs, sorted),
      KindStep: kindStep(defs.KindStep ?? {}, sorted),
      Expression: expression,
      ...Object.fromEntries(ofKinds),
    },
  };
}

/** As the language has it; a step that does not say yet what it is may become any. */
function stepSchema(defs: Record<string, Schema>, kinds: StepKind[]): Schema {
  const uses = {
    ...usesSchema(kinds),
    description: 'What the step does: a step kind, `command`, or another pipeline file by its path.',
  };
  const forms = formsOf(defs.Step ?? {}).map((name) => defs[name]?.properties as Record<string, Schema>);
  const begun = { type: 'object', anyOf: ['uses', 'loop', 'gate'].map((key) => ({ required: [key] })) };
  return {
    ...(defs.Step?.description === undefined ? {} : { description: defs.Step.description }),
    type: 'object',
    if: begun,
    then: withPatterns(defs.Step ?? {}),
    else: {
      title: 'step',
      additionalProperties: false,
      required: ['uses'],
      properties: { ...Object.fromEntries(forms.flatMap((properties) => Object.entries(properties))), uses },
    },
  };
}

/** While a value is being written, an editor takes the beginning of a constant for the constant; not so with a pattern. */
function withPatterns(schema: Schema): Schema {
  const { uses } = ((schema.if as Schema | undefined)?.properties ?? {}) as Record<string, Schema | undefined>;
  const branches = ['then', 'else'].filter((branch) => branch in schema);
  return {
    ...schema,
    ...Object.fromEntries(branches.map((branch) => [branch, withPatterns(schema[branch] as Schema)])),
    ...(typeof uses?.const === 'string'
      ? { if: { required: ['uses'], properties: { uses: { type: 'string', pattern: `^${uses.const}$` } } } }
      : {}),
  };
}

/** The definitions that the conditions of a step lead to. */
function formsOf(schema: Schema): string[] {
  if (typeof schema.$ref === 'string') return [schema.$ref.replace('#/$defs/', '')];
  return [schema.then, schema.else].flatMap((branch) =>
    typeof branch === 'object' && branch !== null ? formsOf(branch as Schema) : [],
  );
}

function kindStep(base: Schema, kinds: StepKind[]): Schema {
  const properties = base.properties as Record<string, Schema>;
  return {
    ...base,
    properties: {
      ...properties,
      uses: usesSchema(kinds),
      // What they hold, and what they mean, depends on the kind.
      with: { type: 'object' },
      else: { type: 'object' },
    },
    allOf: kinds.map((kind) => ({
      if: { required: ['uses'], properties: { uses: { const: kind.kind } } },
      then: {
        ...(requiredInputs(kind).length > 0 ? { required: ['with'] } : {}),
        properties: {
          with: { $ref: `#/$defs/with ${kind.kind}` },
          else: { $ref: `#/$defs/else ${kind.kind}` },
        },
      },
    })),
  };
}

const usesSchema = (kinds: StepKind[]): Schema => ({
  anyOf: [
    ...kinds.map((kind) => ({ const: kind.kind, markdownDescription: kind.help })),
    { const: 'command', markdownDescription: 'Any program, with inputs and outputs of your own.' },
    { type: 'string', pattern: '^\\.{1,2}/', description: 'Another pipeline file, inlined.' },
  ],
});

const requiredInputs = (kind: StepKind): string[] =>
  Object.entries(kind.inputs).flatMap(([name, input]) => {
    const isRequired = 'artifact' in input ? input.required : input.default === undefined;
    return isRequired ? [name] : [];
  });

function inputsSchema(kind: StepKind): Schema {
  const inputs = Object.entries(kind.inputs).map(([name, input]) => [
    name,
    'artifact' in input ? artifactInput(input) : scalarInput(input),
  ]);
  return {
    type: 'object',
    title: kind.kind,
    description: kind.help,
    additionalProperties: false,
    ...(requiredInputs(kind).length > 0 ? { required: requiredInputs(kind) } : {}),
    properties: Object.fromEntries(inputs),
  };
}

function artifactInput({ artifact, help, required, many = false }: ArtifactInput): Schema {
  const one = {
    type: 'string',
    pattern: expression.pattern,
    patternErrorMessage: `An artifact is given by an expression, such as \${{ steps.<step>.outputs.<output> }}.`,
  };
  const map = { type: 'object', minProperties: 1, additionalProperties: one };
  return {
    markdownDescription: `${help}\n\nArtifact \`${artifact}\`${many ? ', or several by name' : ''}${required ? '' : ', may be absent'}: \`\${{ steps.<step>.outputs.<output> }}\``,
    ...(many ? { if: { type: 'object' }, then: map, else: one } : one),
  };
}

function scalarInput(input: ScalarInput): Schema {
  return {
    markdownDescription: `${input.help}\n\n${factsOf(input)}`,
    ...(input.default === undefined ? {} : { default: input.default }),
    ...suggestions(input),
    if: isExpression,
    else: valueSchema(input),
  };
}

/** What an editor offers as a value: it does not look behind conditions for them. */
function suggestions({ type, enum: choices, default: value }: ScalarInput): Schema {
  const offered = choices ?? (type === 'boolean' ? [true, false] : []);
  const others = offered.filter((choice) => choice !== value);
  return others.length === 0
    ? {}
    : { defaultSnippets: others.map((choice) => ({ label: String(choice), body: choice })) };
}

const durationPattern = '^(?=.)(\\d+d)?(\\d+h)?(\\d+m)?(\\d+(\\.\\d+)?s)?(\\d+ms)?$';

/** What a value that is no expression must be. */
function valueSchema(input: ScalarInput): Schema {
  const { type, enum: choices, minimum, maximum, exclusiveMinimum, items } = input;
  if (choices !== undefined) return { enum: choices };
  switch (type) {
    case 'duration':
      return {
        type: 'string',
        pattern: durationPattern,
        patternErrorMessage: 'Write a duration as 90s, 15m or 2h30m.',
      };
    case 'list':
      return { type: 'array', ...(items === undefined ? {} : { items }) };
    case 'object':
      return mapSchema(input);
    case 'boolean':
      return { type };
    case 'number':
    case 'integer':
      return withoutAbsent({ type, minimum, maximum, exclusiveMinimum });
    default:
      return { type: 'string' };
  }
}

/** A map whose keys, or what stands under them, are declared. */
function mapSchema({ fields, keys, values }: ScalarInput): Schema {
  const each = values === undefined ? undefined : scalarInput(values);
  const ofKeys = (keys ?? []).map((key) => [key, each ?? {}]);
  const ofFields = Object.entries(fields ?? {}).map(([name, field]) => [name, scalarInput(field)]);
  const properties = Object.fromEntries([...ofKeys, ...ofFields]) as Record<string, Schema>;
  const isClosed = keys !== undefined || fields !== undefined;
  return {
    type: 'object',
    ...(isClosed ? { additionalProperties: false, properties } : each && { additionalProperties: each }),
  };
}

const withoutAbsent = (schema: Schema): Schema =>
  Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));

/** Type, bounds and default in words, for a person who hovers. */
function factsOf({ type, enum: choices, minimum, maximum, exclusiveMinimum, default: value }: ScalarInput): string {
  // The choices are listed by the editor.
  const facts: string[] = choices === undefined ? [type] : [];
  if (minimum !== undefined) facts.push(`≥ ${minimum}`);
  if (exclusiveMinimum !== undefined) facts.push(`> ${exclusiveMinimum}`);
  if (maximum !== undefined) facts.push(`≤ ${maximum}`);
  facts.push(value === undefined ? 'required' : `default \`${JSON.stringify(value)}\``);
  return facts.join(', ');
}

function outputsSchema(kind: StepKind): Schema {
  const outputs = Object.entries(kind.outputs).map(([name, { artifact, help }]) => [
    name,
    { type: 'string', markdownDescription: `${help}\n\nArtifact \`${artifact}\`` },
  ]);
  return {
    type: 'object',
    title: kind.kind,
    description: 'Supplies the outputs when `if` is false.',
    additionalProperties: false,
    properties: Object.fromEntries(outputs),
  };
}
