// The way out for a value of the wrong shape, where what is meant can be told from what is written.

const durations = ['timeout', 'deadline', 'backoff', 'max-backoff', 'catch-up', 'every'];
const words: Record<string, boolean> = { yes: true, on: true, no: false, off: false };

/** What to write instead at that path; `wanted`: the JSON types that fit there. Null where nobody can tell. Pure. */
export function shapeHint(path: readonly string[], wanted: readonly string[], value: unknown): string | null {
  const name = path.at(-1) ?? '';
  if (path.length === 2 && path[0] === 'params' && wanted.includes('object')) return paramHint(name, value);
  if (wanted.includes('object') && name === 'retry' && typeof value === 'number')
    return `write retry: { attempts: ${value} }`;
  if (wanted.includes('string') && durations.includes(name) && typeof value === 'number')
    return `write a duration: ${name}: ${value}s`;
  return typeof value === 'string' ? textHint(name, wanted, value) : null;
}

function textHint(name: string, wanted: readonly string[], value: string): string | null {
  if (wanted.includes('boolean') && Object.hasOwn(words, value.toLowerCase()))
    return `write ${String(words[value.toLowerCase()])}`;
  return wanted.includes('array') && /^[\w.-]+$/.test(value) ? `write a list: ${name}: [${value}]` : null;
}

function paramHint(name: string, value: unknown): string | null {
  const type = typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value;
  if (type === 'object' && !Array.isArray(value)) return null;
  return `write ${name}: { type: ${type === 'object' ? 'list' : type}, default: ${JSON.stringify(value)} }`;
}
