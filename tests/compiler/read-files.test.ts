// Several files in one compile: how deep, how they are named, and that a file is read as often as it is used.
import { expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import type { CompileOutput } from '../../compiler/compile.js';

const compileWith = (uses: string, includes: (path: string) => string | null, path = 'main.yaml'): CompileOutput =>
  compile({
    path,
    text: `pawl: 1\nname: main\nsteps: { x: { uses: ${uses} } }\n`,
    set: {},
    files: () => null,
    includes,
  });

const leaf = 'pawl: 1\nname: leaf\nsteps: { wait: { uses: test.sleep, with: { steps: 1 } } }\n';

/** Files f1.yaml, f2.yaml, … each of which uses the next, down to `depth`. */
const chain =
  (depth: number) =>
  (path: string): string | null => {
    const index = Number(/f(\d+)/.exec(path)?.[1]);
    return index === depth ? leaf : leaf.replace('wait: {', `x: { uses: ./f${index + 1}.yaml }, wait: {`);
  };

it('inlines 16 files deep and no deeper', () => {
  const { plan, diagnostics } = compileWith('./f1.yaml', chain(16));
  expect(diagnostics).toEqual([]);
  expect(Object.keys(plan?.steps ?? {})).toContain(`${'x.'.repeat(16)}wait`);
  const deeper = compileWith('./f1.yaml', chain(17));
  expect(deeper.plan).toBeNull();
  expect(deeper.diagnostics.map(({ code, at }) => [code, at.file])).toEqual([['include-limit', 'f16.yaml']]);
  expect(deeper.diagnostics[0]?.related).toHaveLength(16);
});

it('asks for files by their path from the pipeline file, and names them as the user named that', () => {
  const asked: string[] = [];
  const { diagnostics, texts, positions } = compileWith(
    './parts/../parts/a.yaml',
    (path) => {
      asked.push(path);
      return path === 'shared/b.yaml' ? leaf : leaf.replace('wait: {', 'y: { uses: ../shared/b.yaml }, wait: {');
    },
    'some/where/main.yaml',
  );
  expect(diagnostics).toEqual([]);
  expect(asked).toEqual(['parts/a.yaml', 'shared/b.yaml']);
  expect([...texts.keys()]).toEqual(['some/where/main.yaml', 'some/where/parts/a.yaml', 'some/where/shared/b.yaml']);
  expect(positions['steps.x.y.wait']).toMatchObject({ file: 'some/where/shared/b.yaml', line: 3, column: 10 });
});

it('takes the paths of local files from the file that they stand in', () => {
  const asked = new Set<string>();
  const part = `pawl: 1
name: part
params: { data: { type: string }, own: { type: string, default: own } }
steps:
  a: { uses: data.jsonl, with: { folder: "\${{ params.data }}" } }
  b: { uses: data.jsonl, with: { folder: "\${{ params.own }}" } }
  c: { uses: data.jsonl, with: { folder: ../beside } }
`;
  const { plan } = compile({
    path: 'main.yaml',
    text: 'pawl: 1\nname: main\nsteps: { x: { uses: ./parts/part.yaml, with: { data: given } } }\n',
    set: {},
    files: (path) => {
      asked.add(path);
      return { digest: `sha256:${'0'.repeat(64)}`, bytes: 1, folder: true };
    },
    includes: () => part,
  });
  expect(plan).not.toBeNull();
  expect([...asked].sort()).toEqual(['beside', 'given', 'parts/own']);
});
