// The endpoints of a study, as its pipeline states them: `ARM.MODE - ARM.MODE: FIGURE`. Pure.
import { evaluationModes, figureNames, type EvaluationMode, type FigureName } from '../retrieval/report.js';

export interface Side {
  /** An output of the pipeline: a report. */
  arm: string;
  mode: EvaluationMode;
}

export interface Endpoint {
  text: string;
  /** What is expected to be better, and what it is compared with. */
  treated: Side;
  control: Side;
  figure: FigureName;
}

const shape = /^([\w-]+)\.(\w+) - ([\w-]+)\.(\w+): (\w+)$/;

/** Reads the endpoints; `arms` are the outputs of the pipeline. Throws an Error that names the endpoint and what is wrong. */
export function parseEndpoints(texts: readonly string[], arms: readonly string[]): Endpoint[] {
  if (texts.length === 0) throw new Error('The study names no endpoint: list at least one under `params.endpoints`.');
  return texts.map((text) => parseEndpoint(text, arms));
}

function parseEndpoint(text: string, arms: readonly string[]): Endpoint {
  const [, ...parts] = shape.exec(text) ?? [];
  const [arm, mode, otherArm, otherMode, figure] = parts;
  if (figure === undefined)
    throw new Error(`The endpoint \`${text}\` is not of the form \`ARM.MODE - ARM.MODE: FIGURE\`.`);
  const side = (name: string | undefined, way: string | undefined): Side => ({
    arm: oneOf(text, 'arm', name, arms),
    mode: oneOf(text, 'mode', way, evaluationModes),
  });
  return {
    text,
    treated: side(arm, mode),
    control: side(otherArm, otherMode),
    figure: oneOf(text, 'figure', figure, figureNames),
  };
}

function oneOf<Name extends string>(text: string, what: string, name: string | undefined, all: readonly Name[]): Name {
  const found = all.find((one) => one === name);
  if (found === undefined)
    throw new Error(`The endpoint \`${text}\`: there is no ${what} \`${name ?? ''}\`. There are ${all.join(', ')}.`);
  return found;
}
