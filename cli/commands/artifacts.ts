// pawl artifacts: what a run has made, and copies of it. Reads the store only.
import { basename, resolve } from 'node:path';
import { copyArtifact } from '../../store/copy-artifact.js';
import { StoreError } from '../../store/errors.js';
import { openStore } from '../../store/open.js';
import { artifactsOf, findArtifact, splitArtifactPath, type ArtifactListing } from '../artifact-path.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { indexRanges } from '../loop-history.js';
import { bytesText } from '../numbers.js';
import { processOutput } from '../output.js';
import { table } from '../table.js';

/** So many names stand in a message. */
const shown = 20;

export async function listArtifacts(text: string | undefined, options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const { run, path } = text === undefined ? { run: undefined, path: null } : splitArtifactPath(text);
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run);
  const listing = await artifactsOf(config, store, record, path);
  output.record({ type: 'artifacts', workflowId: record.workflowId, ...listing });
  if (listing.artifacts.length === 0 && listing.loops.length === 0)
    output.line(`${record.workflowId} has made no artifact${path === null ? '' : ` at ${path}`} yet.`);
  for (const line of listingLines(record.workflowId, listing)) output.line(line);
  return exitCodes.ok;
}

/** The listing for people. Pure. */
export function listingLines(workflowId: string, { artifacts, loops }: ArtifactListing): string[] {
  const rows = artifacts.map(({ path, type, bytes, files, state }) => [
    `${workflowId}@${path}`,
    type,
    bytesText(bytes),
    `${files} file${files === 1 ? '' : 's'}`,
    state === 'whole' ? '' : state === 'gone' ? 'pruned' : 'damaged',
  ]);
  const ofLoops = loops.map(
    ({ path, iterations, kept }) =>
      `${path}: ${iterations} iteration${iterations === 1 ? '' : 's'}; kept: ${indexRanges(kept)}. \`pawl artifacts ls '${workflowId}@${path}[${kept.at(-1) ?? 0}]'\` lists those of one.`,
  );
  return [...(rows.length === 0 ? [] : table([['path', 'type', 'size', '', ''], ...rows], [2])), ...ofLoops];
}

export async function getArtifact(text: string, options: { to?: string; json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const { run, path } = splitArtifactPath(text);
  if (path === null || path === '')
    throw new CliError(
      exitCodes.invalid,
      `\`${text}\` names no artifact: write RUN@STEP.OUTPUT, such as ${run}@sft.model. \`pawl artifacts ls ${run}\` lists what there is.`,
    );
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run === '' ? undefined : run);
  const found = await findArtifact(config, store, record, path);
  if (found === null) {
    const listing = await artifactsOf(config, store, record, null);
    throw new CliError(exitCodes.invalid, `${record.workflowId} has no artifact ${path}. ${whatThereIs(listing)}`);
  }
  if (found.state === 'gone')
    throw new CliError(
      exitCodes.invalid,
      `${record.workflowId}@${found.path} was pruned: its files are not in the store any more. \`pawl resume ${record.workflowId}\` makes again what is needed of it.`,
    );
  const target = resolve(options.to ?? basename(found.path.split('.').at(-1) ?? found.path));
  const { files, bytes } = await copyArtifact(store, found.tree, target).catch((error: unknown) => {
    if (error instanceof StoreError && error.failureClass === 'config')
      throw new CliError(exitCodes.invalid, error.message);
    throw error;
  });
  output.record({
    type: 'artifact',
    workflowId: record.workflowId,
    path: found.path,
    tree: found.tree,
    target,
    files,
    bytes,
  });
  output.line(
    `${record.workflowId}@${found.path} (${found.type}): ${files} file${files === 1 ? '' : 's'}, ${bytesText(bytes)}, digests right, in ${target}`,
  );
  return exitCodes.ok;
}

/** What could have been meant. Pure. */
function whatThereIs({ artifacts, loops }: ArtifactListing): string {
  const names = artifacts.map(({ path }) => path);
  const ofLoops = loops.flatMap(({ path, kept }) => kept.slice(-1).map((index) => `${path}[${index}].STEP.OUTPUT`));
  const all = [...names.slice(0, shown), ...(names.length > shown ? ['…'] : []), ...ofLoops];
  return all.length === 0 ? 'It has made none yet.' : `There are ${all.join(', ')}`;
}
