// index.shard: what one of several activities does for index.build: encodes its stretches of the corpus, and keeps no other text in memory.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countDocuments } from '../../retrieval/corpus.js';
import { extensions } from '../../retrieval/write-index.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext } from '../kind.js';
import { corpusLayout, encodeStretch, stretchesOf } from './corpus-layout.js';
import { shareInput } from './inputs.js';
import { openParts } from './parts.js';
import { manifestFile, type EncodedStretch } from './shard-files.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const share = shareInput(context.inputs);
  const layout = await corpusLayout(context, countDocuments);
  const dir = await context.outputDir('vectors');
  const stretches = stretchesOf(layout.bases, share);
  const total = stretches.reduce((sum, { rows }) => sum + rows, 0);
  const parts = await openParts(context);
  const encoded: EncodedStretch[] = [];
  let done = 0;
  context.progress(done, total, 'documents to encode');
  for (const { first, rows } of stretches) {
    const file = `rows-${first}${extensions[layout.type]}`;
    await encodeStretch(parts, layout, { first, rows, to: join(dir, file) });
    encoded.push({ first, rows, file });
    done += rows;
    context.progress(done, total, 'documents encoded');
  }
  await writeFile(join(dir, manifestFile), `${canonicalJson({ schema: 1, stretches: encoded })}\n`);
  return { rows: total };
}
