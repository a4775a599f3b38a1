// What holds for every text and for every dress of a pipeline. `node scripts/fuzz-compiler.mjs` does many more cases.
import { describe, expect, it } from 'vitest';
import { isAlias, isMap, parseDocument, visit } from 'yaml';
import type { Node } from 'yaml';
import { compile } from '../../compiler/compile.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import { checkSeed, checkText } from './fuzz/check-case.js';
import { corpus } from './fuzz/corpus.js';
import { mutate } from './fuzz/mutate.js';
import { randomFrom } from './fuzz/random.js';

const files = corpus();

describe('a mutated pipeline', () => {
  it('gives a valid plan or an error with a place in a file, soon, and never an exception', () => {
    const results = Array.from({ length: 400 }, (_, index) => checkSeed(files, index));
    expect(results.filter(({ fault }) => fault !== null)).toEqual([]);
    // That the mutations are neither all harmless nor all fatal.
    expect(results.filter(({ gavePlan }) => gavePlan).length).toBeGreaterThan(5);
    expect(results.filter(({ gavePlan }) => !gavePlan).length).toBeGreaterThan(200);
    // Wall time on a busy machine: the slowest is far below a second on an idle one.
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(2000);
  });

  it('is the same for the same seed', () => {
    const make = (seed: number): string => mutate(files[0]!.text, files[1]!.text, randomFrom(seed));
    expect([make(1), make(2)]).toEqual([make(1), make(2)]);
    expect(new Set(Array.from({ length: 20 }, (_, seed) => make(seed))).size).toBeGreaterThan(15);
  });

  it('is found out when it breaks a promise', () => {
    const text = 'pawl: 1\nname: x\nsteps: {}\n';
    expect(checkText(text, '').fault).toBeNull();
    expect(checkText({ replace: () => ({}) } as unknown as string, '').fault).toMatch(/^it throws /);
  });
});

const planOf = (text: string, path = 'x.yaml'): string | null => {
  const local = { digest: `sha256:${'a'.repeat(64)}`, bytes: 1, folder: true };
  const { plan } = compile({ path, text, set: {}, files: () => local });
  return plan === null ? null : canonicalJson(plan);
};

function hasAnchors(node: Node): boolean {
  let found = false;
  visit(node, {
    Node: (_, inner) => {
      if (isAlias(inner) || inner.anchor !== undefined) found = true;
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

describe.each(files.filter(({ text }) => planOf(text) !== null))('the plan of $path', ({ path, text }) => {
  const plan = planOf(text, path);

  it('does not depend on the order of keys', () => {
    const random = randomFrom(path.length);
    const document = parseDocument(text);
    visit(document, {
      Map: (_, node) => {
        // An anchor stands before its aliases: what has either keeps its order.
        if (!hasAnchors(node)) node.items.sort(() => random.below(3) - 1);
      },
    });
    expect(planOf(document.toString({ lineWidth: 0 }), path)).toBe(plan);
  });

  it('does not depend on comments, blank lines and the style of maps and lists', () => {
    const commented = text
      .split('\n')
      .map((line, index) =>
        /[|>]\s*$/.test(line) || text.includes('|\n')
          ? line
          : `${line}${index % 3 === 0 ? '  # a comment' : ''}\n\n# another`,
      )
      .join('\n');
    expect(planOf(commented, path)).toBe(plan);
    const block = parseDocument(text);
    visit(block, {
      Collection: (_, node) => {
        node.flow = isMap(node) && node.items.length === 1;
      },
    });
    expect(planOf(block.toString({ lineWidth: 0 }), path)).toBe(plan);
  });

  it('does not depend on where the file lies', () => {
    expect(planOf(text, `/elsewhere/${path}`)).toBe(plan);
  });
});
