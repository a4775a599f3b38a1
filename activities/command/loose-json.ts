// JSON as programs write it.

/** The value of a text; NaN and Infinity, which JSON does not have and Python writes, are null. Undefined when it is no JSON. Pure. */
export function parseLoosely(text: string): unknown {
  const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : 'null',
  );
  try {
    return JSON.parse(strict) as unknown;
  } catch {
    return undefined;
  }
}
