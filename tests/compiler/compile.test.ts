import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import type { CompileOutput } from '../../compiler/compile.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import { planHash } from '../../schemas/identity.js';

const compileText = (text: string, set: Record<string, unknown> = {}, seed?: number): CompileOutput =>
  compile({ path: 'x.yaml', text, set, seed, files: () => null });

const small = `
pawl: 1
name: small
params: { n: { type: integer, default: 3 }, lr: { type: number, default: 1 }, flag: { type: boolean, default: false }, list: { type: list, default: [] }, wait: { type: duration, default: 2m } }
steps:
  a: { uses: test.sleep, with: { steps: "\${{ params.n }}", value: "\${{ params.lr }}" } }
  b: { uses: test.sleep, needs: [a], if: "\${{ params.flag || size(params.list) < 9 || params.wait > 0 }}", with: { steps: 2 } }
`;

describe('compile', () => {
  it('gives the same bytes whatever the key order, the comments, the quotes and the path', () => {
    const reordered = `
# a comment
steps:
  b: { with: { steps: 2 }, needs: [a], uses: "test.sleep", if: "\${{params.flag || size(params.list) < 9 || params.wait > 0}}" }   # another
  a:
    with:
      value: '\${{ params.lr }}'
      steps: \${{params.n}}
    uses: test.sleep
name: small
params: { wait: { default: 2m, type: duration }, list: { type: list, default: [] }, flag: { type: boolean, default: false }, lr: { default: 1.0, type: number, help: rate }, n: { type: integer, default: 0x3 } }
pawl: 1
`;
    const [one, other] = [
      compileText(small),
      compile({ path: '/elsewhere/y.yaml', text: reordered, set: {}, files: () => null }),
    ];
    expect(other.diagnostics).toEqual([]);
    expect(canonicalJson(other.plan)).toBe(canonicalJson(one.plan));
  });

  it('reads --set by the type of the param', () => {
    const { plan, diagnostics } = compileText(small, { n: '7', lr: '1e-3', flag: 'true', list: '1,two', wait: '90s' });
    expect(diagnostics).toEqual([]);
    expect(plan?.params).toEqual({ n: 7, lr: 0.001, flag: true, list: [1, 'two'], wait: 90_000 });
  });

  it('makes another plan for another param or seed', () => {
    const hashes = [compileText(small), compileText(small, { n: 4 }), compileText(small, {}, 1)].map(
      ({ plan }) => plan && planHash(plan),
    );
    expect(new Set(hashes).size).toBe(3);
  });

  it('says where steps and params are written', () => {
    const { positions } = compileText(small);
    expect(positions['steps.a']).toEqual({ file: 'x.yaml', line: 6, column: 3, endLine: 6, endColumn: 4 });
    expect(positions['params.n']?.line).toBe(4);
  });

  it('writes out every default of a step', () => {
    const { plan } = compileText(small);
    expect(plan?.steps.b).toMatchObject({
      with: { steps: 2, step_ms: 100, value: 0 },
      deps: ['a'],
      cache: true,
      retry: { attempts: 3 },
    });
  });

  it('does not throw on any cut of a pipeline', () => {
    for (let length = 0; length < small.length; length += 3) {
      const { plan, diagnostics } = compileText(small.slice(0, length));
      expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
    }
  });
});

describe('the examples', () => {
  const folder = join(import.meta.dirname, '../../pipelines');
  it.each(readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml')))(
    '%s compiles clean',
    (name) => {
      const { plan, diagnostics } = compile({
        path: name,
        text: readFileSync(join(folder, name), 'utf8'),
        // Data that is not in the clone.
        set: name === 'study-cosqa.yaml' ? { folder: 'parts' } : {},
        files: (named) => {
          const found = statSync(join(folder, named), { throwIfNoEntry: false });
          return found === undefined
            ? null
            : { digest: `sha256:${'0'.repeat(64)}`, bytes: 0, folder: found.isDirectory() };
        },
        includes: (path) => readFileSync(join(folder, path), 'utf8'),
      });
      expect(diagnostics).toEqual([]);
      expect(plan?.name).toBe(name.replace(/\.yaml$/, ''));
    },
  );
});
