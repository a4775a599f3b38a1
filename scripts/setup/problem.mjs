// The one error of the set-up: what is wrong, and what to do about it.

/** A set-up failure in the reader's words: the fact, then the way out. */
export class SetupProblem extends Error {
  /** @param {string} fact @param {string} remedy */
  constructor(fact, remedy) {
    super(`${fact}\n  -> ${remedy.replaceAll('\n', '\n     ')}`);
    this.name = 'SetupProblem';
  }
}

const noNetwork =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|getaddrinfo|no such host|dial tcp|failed to lookup address|name resolution|Could not resolve host|error sending request|NewConnectionError|network is unreachable/i;
const noSpace = /ENOSPC|no space left on device|disk quota exceeded/i;

/**
 * What to do about a command that failed, read from its output.
 * @param {string} output both streams
 * @param {{ mirror: string, log: string }} place the setting that names another source, and the file with the whole output
 */
export function remedyFor(output, { mirror, log }) {
  if (noSpace.test(output))
    return `The disk is full. Free some space (the whole set-up takes about 8 GB) and run the same command again.\nWhole output: ${log}`;
  if (noNetwork.test(output)) {
    return `The network could not be reached. Check the connection; behind a mirror or proxy, set ${mirror}.\nThen run the same command again: what is done is kept. Whole output: ${log}`;
  }
  return `Read the lines above; the whole output is in ${log}. Then run the same command again: what is done is kept.`;
}
