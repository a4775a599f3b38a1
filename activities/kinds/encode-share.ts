// What a shard of a step does that encodes whole corpora: its stretches of them, and keeps no other text in memory.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Share } from '../../retrieval/share.js';
import { extensions } from '../../retrieval/write-index.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext } from '../kind.js';
import { encodeStretch, stretchesOf, type CorpusLayout } from './corpus-layout.js';
import { nameIn, type SetName } from './evaluation-task.js';
import { openParts } from './parts.js';
import { listDigest, manifestFile, type EncodedStretch, type ShardManifest } from './shard-files.js';

/** Encodes a share of one corpus, or of those of several data sets, into the output `vectors`; returns its rows. */
export async function encodeShare(
  context: KindContext,
  share: Share,
  corpora: readonly (SetName & { layout: CorpusLayout })[],
): Promise<number> {
  const bases = corpora.flatMap(({ name, layout }) => layout.bases.map((base) => ({ ...base, name, layout })));
  const stretches = stretchesOf(bases, share);
  const total = stretches.reduce((sum, { rows }) => sum + rows, 0);
  const dir = await context.outputDir('vectors');
  const parts = await openParts(context);
  const encoded: EncodedStretch[] = [];
  let done = 0;
  context.progress(done, total, 'documents to encode');
  for (const { name, layout, first, rows } of stretches) {
    const file = `${nameIn({ name }, `rows-${first}`)}${extensions[layout.type]}`;
    await encodeStretch(parts, layout, { name: nameIn({ name }, `base-${first}`), first, rows, to: join(dir, file) });
    encoded.push({ first, rows, file, ...(name === null ? {} : { set: name }) });
    done += rows;
    context.progress(done, total, 'documents encoded');
  }
  const lists = corpora.flatMap(({ layout: { list } }) => (list === undefined ? [] : [{ list: listDigest(list) }]));
  await writeFile(
    join(dir, manifestFile),
    `${canonicalJson({ schema: 1, stretches: encoded, ...lists[0] } satisfies ShardManifest)}\n`,
  );
  return total;
}
