// The YAML text as a tree of plain values with positions. Aliases and merge keys are resolved; the position of what
// they bring in is the place where it is written. Any text gets an answer, and soon: what is too large is refused.
import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Alias, Document, Node as YamlNode, Pair } from 'yaml';
import type { Authored, AuthoredMap, AuthoredScalar, Span } from './authored.js';
import { characterProblem } from './encoding.js';
import { parseYaml } from './parse-yaml.js';
import type { TextProblem } from './parse-yaml.js';

export interface ParsedText {
  /** Null when the text is empty or not YAML. */
  root: Authored | null;
  problems: TextProblem[];
}

/** Parses YAML 1.2 (core schema); spans count from `base`. Pure; never throws on bad text. */
export function parseText(text: string, base = 0): ParsedText {
  const { document, problems } = parseYaml(text);
  const reading: Reading = { anchors: new Map(), open: new Set(), problems, nodesLeft: maxNodes, base };
  let root: Authored | null = null;
  if (document?.contents != null) {
    if (text.includes('&')) collectAnchors(document, reading);
    root = convert(document.contents, reading, 0);
  }
  const isTooLarge = reading.nodesLeft < 0;
  if (isTooLarge) problems.push(...multiplied);
  return {
    root: isTooLarge ? null : root,
    problems: problems.map((problem) => ({
      ...problem,
      span: shifted(problem.span, base),
      related: (problem.related ?? []).map(({ message, span }) => ({ message, span: shifted(span, base) })),
    })),
  };
}

const maxDepth = 64;
const maxNodes = 100_000;
/** Of one map or list. */
const maxItems = 5_000;

const multiplied: TextProblem[] = [
  {
    code: 'too-large',
    span: { start: 0, end: 1 },
    message: 'the aliases of the file multiply beyond any pipeline',
    hint: `with every alias written out it must have at most ${maxNodes} values`,
  },
];

const shifted = ({ start, end }: Span, base: number): Span => ({ start: start + base, end: end + base });

interface Reading {
  /** What each alias stands for: the last anchor of that name before it. */
  anchors: Map<Alias, YamlNode | undefined>;
  /** Anchored nodes that are being read, to find one that contains itself. */
  open: Set<YamlNode>;
  /** Their spans count from 0. */
  problems: TextProblem[];
  /** Aliases are followed, so a small text can stand for a huge tree: what is left of the budget for its nodes. */
  nodesLeft: number;
  base: number;
}

function collectAnchors(document: Document, { anchors }: Reading): void {
  const named = new Map<string, YamlNode>();
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) anchors.set(node, named.get(node.source));
      else if (node.anchor !== undefined) named.set(node.anchor, node);
    },
  });
}

const ownSpan = (node: YamlNode, otherwise: Span): Span =>
  node.range ? { start: node.range[0], end: node.range[1] } : otherwise;

/** `at`: where a value is missing, counted from 0. */
function convert(node: YamlNode | null, reading: Reading, depth: number, at: Span = { start: 0, end: 0 }): Authored {
  const place = node === null ? at : ownSpan(node, at);
  const span = shifted(place, reading.base);
  reading.nodesLeft -= 1;
  if (node === null || reading.nodesLeft < 0) return { form: 'scalar', span, value: null };
  if (depth > maxDepth) {
    reading.problems.push(tooDeep(place));
    return { form: 'scalar', span, value: null };
  }
  if (isAlias(node)) return convertAlias(node, reading, depth, place);
  if ((isMap(node) || isSeq(node)) && node.items.length > maxItems) {
    reading.problems.push(tooMany(place, node.items.length));
    return { form: 'scalar', span, value: null };
  }
  if (isMap(node))
    return { form: 'map', span, entries: entriesOf(node.items as Pair<YamlNode, YamlNode | null>[], reading, depth) };
  if (isSeq(node)) {
    return {
      form: 'list',
      span,
      items: node.items.map((item) => convert(item as YamlNode, reading, depth + 1, place)),
    };
  }
  return { form: 'scalar', span, value: isScalar(node) ? scalarValue(node.value, place, reading) : null };
}

const tooMany = (span: Span, count: number): TextProblem => ({
  code: 'too-large',
  span: { start: span.start, end: span.start + 1 },
  message: `this map or list has ${count} entries; a pipeline has at most ${maxItems} in one`,
  hint: null,
});

const tooDeep = (span: Span): TextProblem => ({
  code: 'too-large',
  span: { start: span.start, end: span.start + 1 },
  message: `maps and lists are nested more than ${maxDepth} deep`,
  hint: null,
});

function convertAlias(alias: Alias, reading: Reading, depth: number, place: Span): Authored {
  const target = reading.anchors.get(alias);
  const nothing: Authored = { form: 'scalar', span: shifted(place, reading.base), value: null };
  const refuse = (message: string, hint: string | null): Authored => {
    reading.problems.push({ code: 'yaml-syntax', span: place, message, hint });
    return nothing;
  };
  if (target === undefined)
    return refuse(`there is no anchor \`&${alias.source}\` before this alias`, 'an anchor stands above its aliases');
  if (reading.open.has(target)) return refuse(`the value of \`&${alias.source}\` contains itself`, null);
  reading.open.add(target);
  const value = convert(target, reading, depth + 1, place);
  reading.open.delete(target);
  return value;
}

function entriesOf(pairs: Pair<YamlNode, YamlNode | null>[], reading: Reading, depth: number): AuthoredMap['entries'] {
  const own: AuthoredMap['entries'] = new Map();
  const merged: AuthoredMap['entries'] = new Map();
  for (const pair of pairs) {
    const place = ownSpan(pair.key, { start: 0, end: 0 });
    const value = convert(pair.value, reading, depth + 1, place);
    if (isScalar(pair.key) && pair.key.source === '<<') mergeInto(merged, value);
    else {
      const name = keyName(pair.key, place, reading);
      if (name === null) continue;
      const first = own.get(name);
      if (first !== undefined) reading.problems.push(duplicate(name, place, shifted(first.key, -reading.base)));
      own.set(name, { key: shifted(place, reading.base), value });
    }
  }
  return new Map([...merged, ...own]);
}

function mergeInto(merged: AuthoredMap['entries'], value: Authored): void {
  for (const source of value.form === 'list' ? value.items : [value]) {
    if (source.form !== 'map') continue;
    for (const [name, entry] of source.entries) if (!merged.has(name)) merged.set(name, entry);
  }
}

function keyName(key: YamlNode, span: Span, reading: Reading): string | null {
  if (isScalar(key)) return String(scalarValue(key.value, span, reading));
  const what = isMap(key) ? 'a map' : isSeq(key) ? 'a list' : 'an alias';
  reading.problems.push({ code: 'wrong-type', span, message: `a key is text, not ${what}`, hint: null });
  return null;
}

const duplicate = (name: string, span: Span, first: Span): TextProblem => ({
  code: 'duplicate-key',
  span,
  message: `the key \`${name}\` is there twice`,
  hint: 'remove one of them',
  related: [{ message: `the first \`${name}\` is here`, span: first }],
});

function scalarValue(value: unknown, span: Span, { problems }: Reading): AuthoredScalar['value'] {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    const message = characterProblem(value);
    if (message !== null) problems.push({ code: 'bad-encoding', span, message, hint: null });
    return value;
  }
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
