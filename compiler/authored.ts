// The YAML text as a tree of plain values with positions. Aliases and merge keys are resolved; the position of what
// they bring in is the place where it is written.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Alias, Document, Node as YamlNode, Pair, YAMLError } from 'yaml';

/** Offsets into the text; `end` is exclusive. */
export interface Span {
  start: number;
  end: number;
}

export interface AuthoredScalar {
  form: 'scalar';
  span: Span;
  value: string | number | boolean | null;
}

export interface AuthoredList {
  form: 'list';
  span: Span;
  items: Authored[];
}

export interface AuthoredMap {
  form: 'map';
  span: Span;
  entries: Map<string, { key: Span; value: Authored }>;
}

export type Authored = AuthoredScalar | AuthoredList | AuthoredMap;

export interface ParsedText {
  /** Null when the text is empty, not YAML at all, or too large. */
  root: Authored | null;
  /** Whether aliases multiply the text beyond any pipeline. */
  isTooLarge: boolean;
  errors: YAMLError[];
}

/** Parses YAML 1.2 (core schema); spans and the positions of errors count from `base`. Pure; never throws on bad text. */
export function parseText(text: string, base = 0): ParsedText {
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: true,
    prettyErrors: false,
    lineCounter: new LineCounter(),
    keepSourceTokens: false,
  });
  const { errors, contents } = document;
  for (const error of errors) error.pos = [error.pos[0] + base, error.pos[1] + base];
  if (contents === null) return { root: null, isTooLarge: false, errors };
  const reading: Reading = { document, base, targets: new Map(), nodesLeft: 100_000 };
  const root = convert(contents, reading, 0, { start: base, end: base });
  const isTooLarge = reading.nodesLeft < 0;
  return { root: isTooLarge ? null : root, isTooLarge, errors };
}

/** Aliases are followed, so a small text can stand for a huge tree: what is left of the budget for its nodes. */
interface Reading {
  document: Document;
  base: number;
  /** What aliases stand for: the library looks for it from the start of the document each time. */
  targets: Map<Alias, YamlNode | undefined>;
  nodesLeft: number;
}

const maxDepth = 64;

function convert(node: YamlNode | null, reading: Reading, depth: number, at: Span): Authored {
  const span = spanOf(node, reading, at);
  reading.nodesLeft -= 1;
  if (node === null || depth > maxDepth || reading.nodesLeft < 0) return { form: 'scalar', span, value: null };
  if (isAlias(node)) {
    const target = targetOf(node, reading);
    return target === undefined ? { form: 'scalar', span, value: null } : convert(target, reading, depth + 1, span);
  }
  if (isMap(node))
    return { form: 'map', span, entries: entriesOf(node.items as Pair<YamlNode, YamlNode | null>[], reading, depth) };
  if (isSeq(node)) {
    return {
      form: 'list',
      span,
      items: node.items.map((item) => convert(item as YamlNode, reading, depth + 1, span)),
    };
  }
  return { form: 'scalar', span, value: isScalar(node) ? scalarValue(node.value) : null };
}

const spanOf = (node: YamlNode | null, { base }: Reading, otherwise: Span): Span =>
  node?.range ? { start: base + node.range[0], end: base + node.range[1] } : otherwise;

function targetOf(alias: Alias, { document, targets }: Reading): YamlNode | undefined {
  if (!targets.has(alias)) targets.set(alias, alias.resolve(document));
  return targets.get(alias);
}

function entriesOf(pairs: Pair<YamlNode, YamlNode | null>[], reading: Reading, depth: number): AuthoredMap['entries'] {
  const own: AuthoredMap['entries'] = new Map();
  const merged: AuthoredMap['entries'] = new Map();
  for (const pair of pairs) {
    const key = isScalar(pair.key) ? pair.key : null;
    const keySpan = spanOf(pair.key, reading, { start: reading.base, end: reading.base });
    const value = convert(pair.value, reading, depth + 1, keySpan);
    if (key?.source === '<<') {
      for (const source of value.form === 'list' ? value.items : [value]) {
        if (source.form !== 'map') continue;
        for (const [name, entry] of source.entries) if (!merged.has(name)) merged.set(name, entry);
      }
    } else {
      own.set(key === null ? '' : String(key.value), { key: keySpan, value });
    }
  }
  return new Map([...merged, ...own]);
}

function scalarValue(value: unknown): AuthoredScalar['value'] {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}

/** The plain JSON of a tree. Pure. */
export function plainValue(authored: Authored): unknown {
  if (authored.form === 'scalar') return authored.value;
  if (authored.form === 'list') return authored.items.map(plainValue);
  return Object.fromEntries([...authored.entries].map(([name, { value }]) => [name, plainValue(value)]));
}

/** The value under `name`, when `authored` is a map that has it. Pure. */
export const child = (authored: Authored | undefined, name: string): Authored | undefined =>
  authored?.form === 'map' ? authored.entries.get(name)?.value : undefined;

/** The map under `name`; undefined when it is absent or something else. Pure. */
export function childMap(authored: Authored | undefined, name: string): AuthoredMap | undefined {
  const value = child(authored, name);
  return value?.form === 'map' ? value : undefined;
}

/** The string under `name`; undefined when it is absent or something else. Pure. */
export function childString(authored: Authored | undefined, name: string): string | undefined {
  const value = child(authored, name);
  return value?.form === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}

/** The number under `name`; undefined when it is absent or something else. Pure. */
export function childNumber(authored: Authored | undefined, name: string): number | undefined {
  const value = child(authored, name);
  return value?.form === 'scalar' && typeof value.value === 'number' ? value.value : undefined;
}

/** The strings of the list under `name`. Pure. */
export function childStrings(authored: Authored | undefined, name: string): { value: string; span: Span }[] {
  const list = child(authored, name);
  if (list?.form !== 'list') return [];
  return list.items.flatMap((item) =>
    item.form === 'scalar' && typeof item.value === 'string' ? [{ value: item.value, span: item.span }] : [],
  );
}
