import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { isNamedSecret, secretForm } from '../../compiler/secrets.js';

describe('secrets', () => {
  it.each(['sk-learn-is-a-python-package', 'task-0123456789abcdefghij', 'hf_hub', '<|embed_token|>', 'AKIA'])(
    'does not take %s for a token',
    (text) => {
      expect(secretForm(text)).toBeNull();
    },
  );

  it('takes neither the name of a variable, nor an expression, nor a marker under a secret name for a secret', () => {
    const values = ['HF_TOKEN', '${{ params.token }}', '<|embed_token|>', 'abc'];
    expect(values.filter((value) => isNamedSecret('embed_token', value))).toEqual([]);
    expect(isNamedSecret('max_tokens', 'plenty')).toBe(false);
    expect(isNamedSecret('hub_api_key', 'plenty')).toBe(true);
  });

  it('leaves no trace of a secret in what is printed, however the value is shortened', () => {
    const long = `correct horse battery staple ${'x'.repeat(80)}`;
    const text = [
      'pawl: 1',
      'name: bad',
      'params:',
      `  password: { type: integer, default: "${long}" } # ${long}`,
      'steps:',
      `  a: { uses: test.sleep, with: { value: "${long}" } }`,
    ].join('\n');
    const { diagnostics, texts } = compile({ path: 'x.yaml', text, set: {}, files: () => null });
    const printed = formatDiagnostics(diagnostics, texts) + JSON.stringify(diagnostics);
    expect(diagnostics.map(({ code }) => code)).toContain('wrong-type');
    expect(printed).not.toMatch(/correct|horse|xxx/);
  });
});
