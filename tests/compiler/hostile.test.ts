// Texts that no one means, and some that are meant to hurt: each is answered with a diagnostic, at once.
import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { decodeText } from '../../compiler/encoding.js';
import { formatDiagnostics } from '../../compiler/format-diagnostics.js';
import { canonicalJson } from '../../schemas/canonical-json.js';

const small = 'pawl: 1\nname: small\nsteps:\n  a: { uses: test.sleep, with: { steps: 3 } }\n';
const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

/** The first diagnostic; fails when it takes a second of the processor, or when one has no place in the text. */
function firstOf(text: string): string {
  const before = process.cpuUsage();
  const { plan, diagnostics, texts } = compile({ path: 'x.yaml', text, set: {}, files: () => null });
  formatDiagnostics(diagnostics, texts);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(1);
  expect(plan).toBeNull();
  const [first] = diagnostics;
  const count = text.split('\n').length;
  for (const { at } of diagnostics) expect(at.line >= 1 && at.line <= count && at.column >= 1).toBe(true);
  return `${first?.at.line}:${first?.at.column} ${first?.message} [${first?.code}]`;
}

describe('a hostile text is answered at once:', () => {
  it.each([
    ['nothing', '', '1:1 the file is not a map [wrong-type]'],
    ['a comment', '# nothing', '1:1 the file is not a map [wrong-type]'],
    ['a scalar', 'x', '1:1 the file is not a map [wrong-type]'],
    [
      '10 MB in one scalar',
      `${small}description: ${'x'.repeat(10_000_000)}\n`,
      '1:1 the file has 9.5 MiB; a pipeline has at most 1 MiB [too-large]',
    ],
    [
      'a million empty lines',
      `${'\n'.repeat(1_000_000)}${small}`,
      '150002:1 the file is longer than any pipeline [too-large]',
    ],
    ['a million comments', '#\n'.repeat(500_000), '75001:2 the file is longer than any pipeline [too-large]'],
    [
      'lists 10,000 deep',
      `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`,
      '1:163 maps and lists are nested too deep [too-large]',
    ],
    ['maps 10,000 deep', '{a: '.repeat(10_000), '1:638 maps and lists are nested too deep [too-large]'],
    ['dashes 10,000 deep', '- '.repeat(10_000), '1:320 maps and lists are nested too deep [too-large]'],
    ['questions 10,000 deep', '? '.repeat(10_000), '1:320 maps and lists are nested too deep [too-large]'],
    [
      'lines 1,000 deep',
      lines(1000, (index) => `${' '.repeat(index)}a:`),
      '160:161 maps and lists are nested too deep [too-large]',
    ],
    [
      'aliases that multiply',
      `a0: &a0 x\n${lines(30, (level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}]`)}`,
      '1:1 the aliases of the file multiply beyond any pipeline [too-large]',
    ],
    [
      'an anchor within itself',
      `${small}outputs: &o { x: *o }`,
      '5:18 the value of `&o` contains itself [yaml-syntax]',
    ],
    [
      'anchors that contain each other',
      `${small}outputs: &o { x: &p { y: *o, z: *p } }`,
      '5:26 the value of `&o` contains itself [yaml-syntax]',
    ],
    [
      'an alias without an anchor',
      `${small}outputs: *o`,
      '5:10 there is no anchor `&o` before this alias [yaml-syntax]',
    ],
    [
      '4,000 anchors and aliases',
      lines(2_000, (index) => `- &a${index} x\n- *a${index}`),
      '1:1 the file is not a map [wrong-type]',
    ],
    ['4,000 keys', `${small}${lines(4_000, (index) => `k${index}: x`)}`, '5:1 the file has no key `k0` [unknown-key]'],
    ['4,000 equal keys', `${small}${'k: x\n'.repeat(4_000)}`, '6:1 the key `k` is there twice [duplicate-key]'],
    [
      '4,000 wrong steps',
      `${small}${lines(4_000, (index) => `  s${index}: x`)}`,
      '5:7 `s0` takes a map, not "x" [wrong-type]',
    ],
    [
      '4,000 params that are none',
      `${small}params:\n${lines(4_000, (index) => `  p${index}: {}`)}`,
      '6:3 `p0` needs the key `type` [missing-key]',
    ],
    [
      '2,000 names that do not exist',
      `pawl: 1\nname: small\nsteps:\n${lines(2_000, (index) => `  s${index}: { uses: test.sleep, needs: [t${index}] }`)}`,
      '4:35 there is no step `t0` [unknown-reference]',
    ],
    [
      '20,000 keys',
      lines(20_000, (index) => `k${index}: x`),
      '1:1 this map or list has 20000 entries; a pipeline has at most 5000 in one [too-large]',
    ],
    [
      'a wrong comma at every character',
      `[${','.repeat(100_000)}]`,
      '1:3 not YAML: unexpected , in flow sequence [yaml-syntax]',
    ],
    [
      'a quote on every line',
      '"\n'.repeat(50_000),
      '3:1 not YAML: unexpected double-quoted-scalar at node end [yaml-syntax]',
    ],
    ['20,000 directives', '%\n'.repeat(20_000), '1:1 not YAML: unknown directive % [yaml-syntax]'],
    [
      '20,000 documents',
      '---\na: b\n'.repeat(20_000),
      '3:1 not YAML: there are several documents in the file [yaml-syntax]',
    ],
    [
      'tabs',
      'pawl: 1\nname: small\nsteps:\n\ta: b\n',
      '4:1 not YAML: tabs are not allowed as indentation [yaml-syntax]',
    ],
    ['a NUL byte', `${small}\0`, '5:1 the control character U+0000 cannot stand in a YAML file [bad-encoding]'],
    [
      'half of a surrogate pair',
      `${small}description: \ud83d`,
      '5:14 half of a surrogate pair (U+D83D), which is no character [bad-encoding]',
    ],
    [
      'names of every object',
      small.replace('a:', '__proto__:').replace('test.sleep', 'constructor'),
      '4:3 `__proto__` is not a name [bad-name]',
    ],
    [
      'a long expression',
      small.replace('3', `"\${{ ${'1 + '.repeat(20_000)}1 }}"`),
      '4:46 exceeded maxAstNodes (500) [expression-syntax]',
    ],
    [
      'a deep expression',
      small.replace('3', `"\${{ ${'('.repeat(5000)} }}"`),
      '4:96 exceeded maxDepth (50) [expression-syntax]',
    ],
    [
      'many expressions in one text',
      small.replace('3', `"${'${{ x }} '.repeat(5000)}"`),
      '4:41 input `steps` of `a` takes one expression; there is text around it [text-around-expression]',
    ],
  ])('%s', (_, text, answer) => {
    expect(firstOf(text)).toBe(answer);
  });
});

describe('a long word in any place is read at once:', () => {
  const fills = [
    '1' + '_'.repeat(99_999) + 'x',
    '1'.repeat(99_999) + 'x',
    '1:1'.repeat(30_000),
    'a.'.repeat(50_000),
    'x-'.repeat(50_000),
  ];
  const places = [
    'description: WORD\nsteps: { a: { uses: test.sleep } }\n',
    'params: { p: { type: string, default: WORD, pattern: WORD } }\nsteps: { a: { uses: WORD, timeout: WORD } }\n',
    'steps: { a: { uses: test.fail, with: { message: WORD, password: WORD } } }\nschedule: { cron: WORD, timezone: WORD }\n',
    'steps: { a: { uses: command, run: [WORD], code: WORD, env: [WORD], matrix: { x: WORD } } }\nnotify: { on: [failed], webhook: WORD }\n',
  ];
  it.each(places)('%s', (place) => {
    for (const fill of fills) {
      const text = `pawl: 1\nname: x\n${place.replaceAll('WORD', fill)}`;
      const before = process.cpuUsage();
      const { diagnostics, texts } = compile({ path: 'x.yaml', text, set: {}, files: () => null });
      formatDiagnostics(diagnostics, texts);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1e6).toBeLessThan(1);
    }
  });
});

describe('a text in another dress gives the same plan:', () => {
  const planOf = (text: string): string =>
    canonicalJson(compile({ path: 'x.yaml', text, set: {}, files: () => null }).plan);
  it.each([
    ['CRLF', small.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${small}`],
    ['no line break at the end', small.trimEnd()],
    ['document marks', `---\n${small}...\n`],
    ['JSON', '{"pawl":1,"name":"small","steps":{"a":{"uses":"test.sleep","with":{"steps":3}}}}'],
  ])('%s', (_, text) => {
    expect(planOf(text)).toBe(planOf(small));
  });

  it('places do not count the byte order mark', () => {
    const { diagnostics } = compile({ path: 'x.yaml', text: `\ufeffpwal: 1`, set: {}, files: () => null });
    expect(diagnostics.map(({ at }) => `${at.line}:${at.column}`)).toContain('1:1');
  });
});

describe('bytes', () => {
  const problemOf = (...bytes: (string | number)[]): string | null => {
    const all = Buffer.concat(
      bytes.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))),
    );
    const { problem } = decodeText('x.yaml', all);
    return problem === null ? null : `${problem.at.line}:${problem.at.column} ${problem.message} [${problem.code}]`;
  };

  it('of UTF-8 are text, without the byte order mark', () => {
    expect(decodeText('x.yaml', Buffer.from('\ufeffnaïve \ufffd 😀\n'))).toEqual({
      text: 'naïve \ufffd 😀\n',
      problem: null,
    });
  });

  it.each([
    [
      ['a: na', 0xef, 've'],
      '1:6 the file is not UTF-8: the byte 0xEF, in Latin-1 ï, at offset 5 of the file [bad-encoding]',
    ],
    [['ï\nb: ', 0x80], '2:4 the file is not UTF-8: the byte 0x80, at offset 6 of the file [bad-encoding]'],
    [
      ['a', 0xed, 0xa0, 0x80],
      '1:2 the file is not UTF-8: the byte 0xED, in Latin-1 í, at offset 1 of the file [bad-encoding]',
    ],
    [
      ['a', 0xc0, 0x80],
      '1:2 the file is not UTF-8: the byte 0xC0, in Latin-1 À, at offset 1 of the file [bad-encoding]',
    ],
    [
      ['a', 0xf4, 0x90, 0x80, 0x80],
      '1:2 the file is not UTF-8: the byte 0xF4, in Latin-1 ô, at offset 1 of the file [bad-encoding]',
    ],
    [
      ['a', 0xe2, 0x82],
      '1:2 the file is not UTF-8: the byte 0xE2, in Latin-1 â, at offset 1 of the file [bad-encoding]',
    ],
    [[0xff, 0xfe, 'p', 0], '1:1 the file is UTF-16, not UTF-8 [bad-encoding]'],
  ])('%j are not', (bytes, answer) => {
    expect(problemOf(...bytes)).toBe(answer);
  });
});
