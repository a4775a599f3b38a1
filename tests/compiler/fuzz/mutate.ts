// A pipeline file with a few mistakes in it: in its characters, its lines, its expressions, its tree.
import { isAlias, isCollection, isMap, isNode, isScalar, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import type { Random } from './random.js';

const pieces = [
  ...['\0', '\t', '\r', '\r\n', '\n', ' ', '  ', '\u00a0', '\ufeff', '\ud83d', '😀', 'é', '\u2028', '\x07'],
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    ',',
    '- ',
    '? ',
    '#',
    '&a ',
    '*a',
    '<<: ',
    '!',
    '|',
    '>',
    '%',
    '@',
    '`',
    '"',
    "'",
    '\\',
  ],
  ...[
    '${{',
    '}}',
    '${{ }}',
    '---\n',
    '...\n',
    'true',
    'null',
    '~',
    '1e999',
    '-1',
    '0x7f',
    '0o17',
    '.nan',
    '.inf',
    '1_000',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'steps',
    'params',
    'carry',
    'iter',
    'outputs',
    'matrix',
    'loop',
    'gate',
    'command',
  ],
];

const values: unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    -0,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    ' ',
    'x',
    '1',
    'yes',
    '5 m',
  ],
  ...[
    '../x.yaml',
    './other.yaml',
    '/etc',
    's3://bucket/x',
    'command',
    'test.sleep',
    'train.sft',
    '__proto__',
    'a'.repeat(300),
  ],
  ...[
    '${{ params.n }}',
    '${{ steps.a.outputs.folder }}',
    '${{ steps.a.metrics.value > 1 }}',
    '${{ carry.x }}',
    '${{ 1 / 0 }}',
  ],
  ...[
    '${{ [1, 2].map(x, x) }}',
    '${{ "a" + "b" }}',
    '${{ {"a": 1} }}',
    'a ${{ 1 }} b',
    '${{ size(params.n) }}',
    '${{ steps }}',
  ],
  ...[[], {}, [1, [2]], { a: { b: [] } }, [null], { '': 1 }, ['a', 'a'], { type: 'model' }, { __proto__x: 1 }],
];

const tokens = [
  'params',
  'steps',
  'carry',
  'iter',
  'matrix',
  'baseline',
  '.',
  '[',
  ']',
  '(',
  ')',
  '&&',
  '||',
  '!',
  '?',
  ':',
  '+',
  '/',
  '%',
  '==',
  '<',
  '"a"',
  '1',
  '2.5',
  'null',
  'true',
  'size',
  'int',
  'x',
  ',',
  '{',
  '}',
  'outputs',
  'metrics',
  'a',
  'in',
];

/** The text with one to four mistakes; `other` lends parts. */
export function mutate(text: string, other: string, random: Random): string {
  let mutated = text;
  for (let left = 1 + random.below(4); left > 0; left--) mutated = random.of(mutations)(mutated, other, random);
  return mutated;
}

type Mutation = (text: string, other: string, random: Random) => string;

const splice = (text: string, from: number, to: number, piece: string): string =>
  text.slice(0, from) + piece + text.slice(to);

const characters: Mutation = (text, _, random) => {
  const at = random.below(text.length + 1);
  const removed = random.below(3) === 0 ? random.below(8) : random.below(2);
  return splice(text, at, at + removed, random.below(4) === 0 ? '' : random.of(pieces));
};

const lines: Mutation = (text, other, random) => {
  const all = text.split('\n');
  const [one, two] = [random.below(all.length), random.below(all.length)];
  switch (random.below(7)) {
    case 0:
      all.splice(one, 1);
      break;
    case 1:
      all.splice(one, 0, all[two]!);
      break;
    case 2:
      [all[one], all[two]] = [all[two]!, all[one]!];
      break;
    case 3:
      all[one] = ' '.repeat(1 + random.below(4)) + all[one]!;
      break;
    case 4:
      all[one] = all[one]!.replace(/^ {1,2}/, '');
      break;
    case 5:
      all.splice(one, random.below(5), ...other.split('\n').slice(two, two + random.below(6)));
      break;
    default:
      all.length = one + 1;
  }
  return all.join('\n');
};

const expression: Mutation = (text, _, random) => {
  const found = [...text.matchAll(/\$\{\{(.*?)\}\}/g)];
  if (found.length === 0) return characters(text, _, random);
  const match = random.of(found);
  const parts = match[1]!.split(/\b/);
  const at = random.below(parts.length);
  parts.splice(at, random.below(3), ...Array.from({ length: random.below(3) }, () => random.of(tokens)));
  return splice(text, match.index, match.index + match[0].length, `\${{${parts.join('')}}}`);
};

/** Works on the tree; a text that has none, or cannot be written again, is mutated in its characters. */
const tree: Mutation = (text, other, random) => {
  // To write aliases again, the library reads the whole document for each.
  if ([text, other].some((item) => item.split('*').length > 20)) return characters(text, other, random);
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
  const spots = spotsOf(document);
  if (document.errors.length > 0 || spots.length === 0) return characters(text, other, random);
  change(document, spots, other, random);
  try {
    return document.toString({ lineWidth: 0 });
  } catch {
    return lines(text, other, random);
  }
};

/** A place in a collection. */
interface Spot {
  items: unknown[];
  index: number;
}

function spotsOf(document: Document): Spot[] {
  const spots: Spot[] = [];
  visit(document, {
    Collection: (_, node) => {
      for (const index of node.items.keys()) spots.push({ items: node.items, index });
    },
  });
  return spots;
}

const pairAt = ({ items, index }: Spot): Pair | null => (isPairLike(items[index]) ? items[index] : null);
const isPairLike = (item: unknown): item is Pair =>
  typeof item === 'object' && item !== null && 'key' in item && 'value' in item;
const nodeAt = (spot: Spot): unknown => pairAt(spot)?.value ?? spot.items[spot.index];

/** A copy, so that nothing comes to contain itself. */
function copyAt(spot: Spot): unknown {
  const node = nodeAt(spot);
  return isNode(node) ? node.clone() : node;
}

function put(spot: Spot, value: unknown): void {
  const pair = pairAt(spot);
  if (pair !== null) pair.value = value;
  else spot.items[spot.index] = value;
}

function change(document: Document, spots: Spot[], other: string, random: Random): void {
  const [one, two] = [random.of(spots), random.of(spots)];
  switch (random.below(9)) {
    case 0:
      one.items.splice(one.index, 1);
      break;
    case 1: {
      const [first, second] = [copyAt(one), copyAt(two)];
      put(one, second);
      put(two, first);
      break;
    }
    case 2:
      one.items.push(pairAt(one)?.clone() ?? copyAt(one));
      break;
    case 3:
      put(one, document.createNode(random.of(values)));
      break;
    case 4: {
      const pair = pairAt(one);
      if (pair !== null)
        pair.key = document.createNode(random.of([...pieces.slice(-12), 'a', 'with', 'uses', 'until', 'x y', '<<']));
      break;
    }
    case 5:
      put(one, copyAt(two));
      break;
    case 6: {
      const node = nodeAt(two);
      if (isCollection(node) || isScalar(node)) {
        node.anchor = 'a';
        put(one, document.createAlias(node));
      }
      break;
    }
    case 7: {
      const lent = spotsOf(parseDocument(other, { logLevel: 'silent' }));
      if (lent.length > 0) put(one, asPlain(document, nodeAt(random.of(lent))));
      break;
    }
    default:
      nest(document, one, random);
  }
}

const asPlain = (document: Document, node: unknown): Node | null =>
  isAlias(node) || !(isCollection(node) || isScalar(node))
    ? null
    : document.createNode(JSON.parse(JSON.stringify(node)));

/** Puts a step into a loop, a value into a list. */
function nest(document: Document, spot: Spot, random: Random): void {
  const node = nodeAt(spot);
  if (isMap(node) && node.has('uses'))
    put(
      spot,
      document.createNode({
        loop: { max: 2, steps: { inner: node }, ...(random.below(2) === 0 ? {} : { until: true }) },
      }),
    );
  else put(spot, document.createNode([node]));
}

const mutations: readonly Mutation[] = [characters, characters, lines, expression, tree, tree, tree];
