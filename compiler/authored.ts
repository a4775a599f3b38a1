// The file as a tree of plain values with positions, as compiler/parse-text.ts reads it.

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
