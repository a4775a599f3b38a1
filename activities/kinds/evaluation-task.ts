// What the modes of an evaluation share of one data set.
import type { Corpus } from '../../retrieval/corpus.js';
import type { JudgedQuery } from '../../retrieval/dataset.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import type { Parts } from './parts.js';

/** The name of a data set; null where it is the only one. */
export interface SetName {
  name: string | null;
}

/** A data set to evaluate. */
export interface EvaluationSet extends SetName {
  data: LocalArtifact;
}

/** What all modes share. */
export interface SetTask {
  context: KindContext;
  parts: Parts;
  model: LocalArtifact;
  set: EvaluationSet;
  queries: JudgedQuery[];
  ignored: Int32Array[];
  corpus: Corpus;
  idOrder: Int32Array;
  /** Path of corpus.jsonl. */
  documents: string;
  /** The queries as _id and text. */
  texts: string;
  /** Folder of the report. */
  out: string;
}

/** The name of a part, or of a file, of this set. Pure. */
export const nameIn = ({ name }: SetName, what: string): string => (name === null ? what : `${name}.${what}`);
