// A data set as a format gives it, before anything of it is checked: documents, queries and judgements, each with its place.

export const datasetSplits = ['sft', 'rl', 'dev', 'test'] as const;
export type DatasetSplit = (typeof datasetSplits)[number];

/** Where something stands; `line` is null where the file's name says it all: `train.json[3]`. */
export interface Place {
  file: string;
  line: number | null;
}

export interface SourceDocument extends Place {
  id: string;
  text: string;
  /** Put before the text. */
  title: string | null;
}

export interface SourceQuery extends Place {
  id: string;
  text: string;
}

export interface SourceJudgement extends Place {
  query: string;
  document: string;
  /** 0 and less: judged, and not relevant. */
  grade: number;
  split: DatasetSplit;
}

/** What belongs to a query beside its judgements. */
export interface SourceExtra extends Place {
  query: string;
  reasoning: string | null;
  /** Ids of documents that are no answer. */
  negatives: string[];
}

/** Read once each, in this order. */
export interface Source {
  /** Of the format; it stands in the manifest. */
  name: string;
  /** What holds documents and queries, in errors. */
  files: { documents: string; queries: string };
  documents(): AsyncIterable<SourceDocument>;
  queries(): AsyncIterable<SourceQuery>;
  judgements(): AsyncIterable<SourceJudgement>;
  extras(): AsyncIterable<SourceExtra>;
  /** Facts for the manifest, known once all was read. */
  notes(): Record<string, unknown>;
  /** What a person should hear of. */
  warnings: string[];
}

/** Nothing beside the judgements. */
export async function* noExtras(): AsyncGenerator<never> {
  // No format without extras has a line to give.
}
