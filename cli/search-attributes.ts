// Whether a run may use search attributes: registered where they are missing and the server lets us, else it goes without.
import { missingSearchAttributes, registerSearchAttributes } from '../local/namespace.js';
import { searchAttributes } from '../schemas/search-attributes.js';
import type { Session } from './session.js';

/** Null when every search attribute is there, else why the run goes without. Never fails. */
export async function searchAttributesOf(session: Session): Promise<string | null> {
  const { namespace } = session.config.temporal;
  let missing: string[];
  try {
    missing = await session.within(5_000, () => missingSearchAttributes(session.connection, namespace));
  } catch (error) {
    return `the server does not tell its search attributes (${textOf(error)}): the run goes without`;
  }
  if (missing.length === 0) return null;
  try {
    await session.within(5_000, () => registerSearchAttributes(session.connection, namespace));
    // The server needs some seconds until it knows them, and a run that names an unknown one would hang.
    return `the search attributes ${missing.join(', ')} were registered just now: this run goes without, later ones have them`;
  } catch (error) {
    return [
      `the namespace ${namespace} has no search attributes ${missing.join(', ')}, and the server does not let you register them (${textOf(error)}): the run goes without, and cannot be found by them in the Temporal UI.`,
      `Whoever runs the server can: temporal operator search-attribute create -n ${namespace} ${missing.map(flagsOf).join(' ')}`,
    ].join('\n');
  }
}

const flagsOf = (name: string): string => {
  const type = searchAttributes[name as keyof typeof searchAttributes];
  return `--name ${name} --type ${type.slice(0, 1)}${type.slice(1).toLowerCase()}`;
};

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
