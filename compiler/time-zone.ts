// Names of time zones, as the runtime's copy of the IANA database has them.
import { nearest } from './did-you-mean.js';

/** Null when the time zone is known; else a hint, or null where no name is near. Pure but for the runtime's database. */
export function checkTimeZone(name: string): { hint: string } | null {
  if (/^[A-Za-z]/.test(name) && isKnown(name)) return null;
  const known = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  const city = name.split('/').at(-1)?.toLowerCase() ?? '';
  const near = nearest(name, known) ?? known.find((zone) => zone.toLowerCase().endsWith(`/${city}`));
  return { hint: near === undefined ? 'write an IANA name, e.g. UTC or Europe/Berlin' : `did you mean \`${near}\`?` };
}

function isKnown(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
