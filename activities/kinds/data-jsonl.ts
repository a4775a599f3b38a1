// data.jsonl: a data set from files of a known format, checked, as a dataset artifact.
import { readBeir } from '../../retrieval/formats/beir.js';
import { readCodeSearchNet } from '../../retrieval/formats/code-search-net.js';
import { readCosqa } from '../../retrieval/formats/cosqa.js';
import { readJsonlPairs } from '../../retrieval/formats/jsonl-pairs.js';
import { readLitsearch } from '../../retrieval/formats/litsearch.js';
import { readMkqa } from '../../retrieval/formats/mkqa.js';
import { readMsmarco } from '../../retrieval/formats/msmarco.js';
import { readScifact } from '../../retrieval/formats/scifact.js';
import { readXquad, type Languages } from '../../retrieval/formats/xquad.js';
import type { Source } from '../../retrieval/source.js';
import { writeDataset } from '../../retrieval/write-dataset.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { fileInput, stringInput } from './inputs.js';

const formats: Readonly<Record<string, (folder: string) => Promise<Source>>> = {
  beir: readBeir,
  pairs: readJsonlPairs,
  cosqa: readCosqa,
  scifact: readScifact,
  litsearch: readLitsearch,
  'code-search-net': readCodeSearchNet,
  msmarco: readMsmarco,
};

/** Formats with several languages. */
const multilingual: Readonly<Record<string, (folder: string, languages: Languages) => Promise<Source>>> = {
  xquad: readXquad,
  mkqa: readMkqa,
};

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const { path: folder } = fileInput(context.inputs, 'folder');
  const source = await sourceOf(context, folder);
  for (const warning of source.warnings) context.log('warning', warning);
  const manifest = await writeDataset(source, await context.outputDir('dataset'));
  const queries = Object.values(manifest.queries).reduce((sum, count) => sum + count, 0);
  context.progress(1, 1, `${manifest.corpus} documents, ${queries} queries`);
  return { corpus: manifest.corpus, queries };
}

function sourceOf({ inputs }: KindContext, folder: string): Promise<Source> {
  const format = stringInput(inputs, 'format');
  const language = stringInput(inputs, 'language');
  const documents = stringInput(inputs, 'document_language');
  const ofLanguages = multilingual[format];
  if (ofLanguages !== undefined)
    return ofLanguages(folder, { language: language || 'en', documents: documents || language || 'en' });
  if (language !== '' || documents !== '')
    throw new StepFailure(
      'config',
      `Files of the format ${format} have no languages to choose from; leave \`language\` and \`document_language\` out. They are for ${Object.keys(multilingual).join(' and ')}.`,
      { input: language !== '' ? 'language' : 'document_language' },
    );
  const read = formats[format];
  if (read === undefined) throw new StepFailure('config', `There is no format ${format}.`, { input: 'format' });
  return read(folder);
}
