import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { readDeclaration } from '../../compiler/kind-declaration.js';
import { stepKinds } from '../../schemas/generated/kinds.js';

const taken = new Map([['train.sft', 'it is one of Pawl']]);
const read = (text: string) => readDeclaration('shout.json', text, taken);
const shown = (text: string): string => formatDiagnostics(read(text).diagnostics, new Map([['shout.json', text]]));

const good = `{
  "kind": "acme.shout", "version": 1, "runs": "worker", "help": "Shouts.",
  "seeded": false, "checkpoints": false, "environment": [],
  "inputs": {
    "text": { "type": "string", "help": "What.", "default": "hey" },
    "from": { "artifact": "folder", "required": true, "help": "Whence." }
  },
  "outputs": {}, "metrics": {}
}`;

describe('the declaration of a step kind', () => {
  it('is what it says, for every kind of Pawl', () => {
    for (const kind of Object.values(stepKinds))
      expect(readDeclaration('x.json', JSON.stringify(kind), new Map())).toEqual({ kind, diagnostics: [] });
  });

  it('has every fault shown at its place, with the way out', () => {
    const text = good
      .replace('"runs": "worker"', '"runs": "gpu"')
      .replace('"default": "hey"', '"dfault": "hey"')
      .replace('"artifact": "folder"', '"artifact": "foldr"')
      .replace('"metrics"', '"metric"');
    expect(shown(text)).toBe(`shout.json:1:1: the declaration needs the key \`metrics\` [missing-key]
  1 | {
    | ^

shout.json:2:47: \`runs\` cannot be "gpu" [bad-value]
  2 |   "kind": "acme.shout", "version": 1, "runs": "gpu", "help": "Shouts.",
    |                                               ^^^^^
  = there are \`trainer\`, \`worker\`

shout.json:5:50: \`inputs.text\` has no key \`dfault\` [unknown-key]
  5 |     "text": { "type": "string", "help": "What.", "dfault": "hey" },
    |                                                  ^^^^^^^^
  = did you mean \`default\`?

shout.json:6:27: \`inputs.from.artifact\` cannot be "foldr" [bad-value]
  6 |     "from": { "artifact": "foldr", "required": true, "help": "Whence." }
    |                           ^^^^^^^
  = did you mean \`folder\`?

shout.json:8:18: the declaration has no key \`metric\` [unknown-key]
  8 |   "outputs": {}, "metric": {}
    |                  ^^^^^^^^
  = did you mean \`metrics\`?`);
  });

  it('may not take a name that there is, nor one without a dot', () => {
    expect(shown(good.replace('acme.shout', 'train.sft'))).toContain(
      'there is a step kind `train.sft` already: it is one of Pawl [duplicate-name]',
    );
    expect(shown(good.replace('acme.shout', 'shout'))).toContain('`kind` cannot be "shout" [bad-name]');
  });

  it('has defaults that fit, names that an expression can say, and environment fields that exist', () => {
    expect(shown(good.replace('"hey"', '3'))).toContain('the default of `text` takes a string, not 3 [wrong-type]');
    expect(shown(good.replace('"text"', '"Text"'))).toContain('`Text` is not a name [bad-name]');
    expect(shown(good.replace('[]', '["python_version", "host"]'))).toContain('there is no environment field `host`');
  });

  it('refuses combinations by expressions that can be evaluated', () => {
    const refusing = (when: string, says = 'no'): string =>
      shown(good.replace('"metrics": {}', `"metrics": {}, "refuses": [${JSON.stringify({ when, says, help: 'x' })}]`));
    expect(refusing("text == 'a' && from == null")).toBe('');
    expect(refusing('text ==')).toContain('cannot be used: the expression ends too early [expression-syntax]');
    expect(refusing("txt == 'a'")).toContain("`txt == 'a'` names `txt`, which is no input [unknown-input]");
    expect(refusing('size(text)')).toContain('is neither true nor false [not-boolean]');
    expect(refusing('text > 3')).toContain('the types do not fit: string > integer');
    expect(refusing("text == ''", 'it is ${{ tex }}')).toContain('did you mean `text`?');
  });

  it('is a JSON object', () => {
    expect(shown('')).toContain('the declaration is not a JSON object');
    expect(shown('[1]')).toContain('the declaration is not a JSON object');
    expect(shown('{ "kind": ')).toMatch(/\[yaml-syntax\]/);
    expect(shown('{ "inputs": { "a": 3, "b": null } }')).toContain('`inputs.a` takes a map, not 3 [wrong-type]');
  });
});
