// What an author sees: schemas/pipeline.schema.json in the real yaml-language-server.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { repository } from '../local/built.js';
import { startLanguageServer, type LanguageServer, type Suggestion } from './language-server.js';

const pipelines = join(repository, 'pipelines');
const file = join(pipelines, 'being-written.yaml');
const head = '# yaml-language-server: $schema=../schemas/pipeline.schema.json\npawl: 1\nname: draft\nsteps:\n';

let server: LanguageServer;
beforeAll(async () => {
  server = await startLanguageServer();
});
afterAll(() => server.stop());

const complete = (steps: string): Promise<Map<string, Suggestion>> => server.complete(file, head + steps);
const hover = (steps: string): Promise<string> => server.hover(file, head + steps);
const messages = async (steps: string): Promise<string[]> =>
  (await server.diagnose(file, head + steps)).map(({ message }) => message);
const documentationOf = (suggestion: Suggestion | undefined): string =>
  typeof suggestion?.documentation === 'object' ? suggestion.documentation.value : (suggestion?.documentation ?? '');

describe('an editor completes', () => {
  it('what a step can be', async () => {
    const found = await complete('  first:\n    |\n');
    for (const key of ['uses', 'loop', 'gate', 'if', 'retry']) expect(documentationOf(found.get(key))).not.toBe('');
  });

  it('the step kinds under `uses`, each with what it does', async () => {
    const found = await complete('  first:\n    uses: |\n');
    expect([...found.keys()].sort()).toEqual([...Object.keys(stepKinds), 'command'].sort());
    for (const { kind, help } of Object.values(stepKinds)) expect(documentationOf(found.get(kind))).toBe(help);
  });

  it('the inputs of the chosen kind under `with`, with help, type and default, and no others', async () => {
    const found = await complete('  first:\n    uses: train.sft\n    with:\n      |\n');
    const { inputs = {} } = stepKinds['train.sft'] ?? {};
    // What must be given is also offered in one piece, under the name of the kind.
    expect([...found.keys()].sort()).toEqual([...Object.keys(inputs), 'train.sft'].sort());
    expect(found.get('train.sft')?.insertText).toBe('model: $1\ndata: $2');
    expect(documentationOf(found.get('steps'))).toMatch(/integer, ≥ 1, default `\d+`/);
    for (const [name, { help }] of Object.entries(inputs)) expect(documentationOf(found.get(name))).toContain(help);
  });

  it('those of a step inside a loop', async () => {
    const found = await complete(
      '  turn:\n    loop:\n      max: 2\n      steps:\n        work:\n          uses: test.sleep\n          with:\n            |\n',
    );
    expect([...found.keys()].sort()).toEqual(['previous', 'step_ms', 'steps', 'value']);
    expect(found.get('steps')?.insertText).toBe('steps: ${1:3}');
  });

  it('the rest of a map in braces', async () => {
    const found = await complete('  first:\n    uses: test.sleep\n    with: { steps: 3, st| }\n');
    expect(found.has('step_ms')).toBe(true);
    expect(found.has('steps')).toBe(false);
  });

  it('the values that an input may have, the default first', async () => {
    const found = await complete('  first:\n    uses: rl.update\n    with:\n      aggregation: |\n');
    expect([...found.keys()]).toEqual(['token', 'sequence', 'constant']);
  });

  it('what a command needs', async () => {
    const found = await complete('  first:\n    uses: command\n    |\n');
    for (const key of ['run', 'code', 'outputs']) expect(documentationOf(found.get(key))).not.toBe('');
    expect(await messages('  first: { uses: command, run: [make], outputs: { model: model } }\n')).toEqual([]);
    expect(await messages('  first: { uses: command, run: [make], outputs: { model: modell } }\n')).toHaveLength(1);
    expect(await messages('  first: { uses: ./other.yaml, with: { anything: 1 } }\n')).toEqual([]);
  });

  it('the outputs that `else` supplies', async () => {
    const found = await complete('  first:\n    uses: rl.update\n    else:\n      |\n');
    expect([...found.keys()].sort()).toEqual(['model', 'state']);
  });
});

describe('an editor explains', () => {
  it('the kind, its inputs and the values of an input', async () => {
    const help = stepKinds['rl.update']?.help ?? '?';
    expect(await hover('  first:\n    uses: rl.up|date\n')).toContain(help);
    expect(await hover('  first:\n    uses: rl.update\n    with: { l|r: 0.1 }\n')).toMatch(
      /^#### rl\.update\n\nLearning rate of AdamW\.\n\nnumber, > 0, default `0\.0001`/,
    );
    expect(await hover('  first:\n    uses: rl.update\n    with: { aggre|gation: token }\n')).toContain('* `constant`');
    expect(await hover('  first:\n    uses: rl.update\n    with: { pol|icy: "${{ steps.a.outputs.b }}" }\n')).toContain(
      'Artifact `model`',
    );
  });

  it('every key of the language that quickstart.yaml writes', async () => {
    const text = readFileSync(join(pipelines, 'quickstart.yaml'), 'utf8');
    const keys = ['params', 'defaults', 'retry', 'steps', 'loop', 'max', 'until', 'carry', 'gate', 'assert', 'outputs'];
    for (const key of keys.filter((name) => new RegExp(`^ *${name}:`, 'm').test(text))) {
      const marked = text.replace(new RegExp(`^( *)${key}:`, 'm'), `$1${key.slice(0, 1)}|${key.slice(1)}:`);
      expect(await server.hover(join(pipelines, 'quickstart.yaml'), marked), key).toMatch(/^\S.*\n\nSource/);
    }
  });
});

describe('an editor finds', () => {
  it('an unknown kind, an unknown input, a wrong choice, a wrong type, a value out of range', async () => {
    expect(await messages('  first: { uses: train.stf }\n')).toEqual([expect.stringContaining('"train.sft"')]);
    const update = (inputs: string): Promise<string[]> =>
      messages(`  first: { uses: test.fail, with: { ${inputs} } }\n`);
    expect(await update('tmes: 1')).toEqual(['Property tmes is not allowed.']);
    expect(await update('class: ooom')).toEqual([expect.stringMatching(/^Value is not accepted.*"oom"/)]);
    expect(await update('times: many')).toEqual(['Incorrect type. Expected "integer".']);
    expect(await update('times: -1')).toEqual(['Value is below the minimum of 0.']);
  });

  it('a missing input, and an artifact that is not given by an expression', async () => {
    expect(await messages('  first: { uses: train.sft }\n')).toEqual(['Missing property "with".']);
    const given = 'data: "${{ steps.data.outputs.dataset }}"';
    expect(await messages(`  first: { uses: train.sft, with: { ${given} } }\n`)).toEqual(['Missing property "model".']);
    expect(await messages(`  first: { uses: train.sft, with: { ${given}, model: tiny } }\n`)).toEqual([
      expect.stringContaining('given by an expression'),
    ]);
  });

  it('a step that says nothing', async () => {
    expect(await messages('  first: {}\n')).toEqual(['Missing property "uses".']);
    expect(await messages('  first: { usse: test.sleep }\n')).toContain('Property usse is not allowed.');
  });

  it('nothing where an expression stands for a number, a choice or a flag', async () => {
    const inputs = 'class: "${{ params.class }}", times: "${{ params.times }}"';
    expect(await messages(`  first: { uses: test.fail, with: { ${inputs} } }\n`)).toEqual([]);
  });

  it.each(readdirSync(pipelines).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml')))(
    'nothing in pipelines/%s',
    async (name) => {
      const path = join(pipelines, name);
      const text = readFileSync(path, 'utf8');
      expect(await server.diagnose(path, text)).toEqual([]);
      // It did look.
      const wrong = await server.diagnose(path, `${text}\nnothing-of-the-kind: 1\n`);
      expect(wrong.map(({ message }) => message)).toEqual(['Property nothing-of-the-kind is not allowed.']);
    },
  );
});
