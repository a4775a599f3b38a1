// Writes JSON Lines.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Writes each value as a line of JSON, as they come. */
export const writeLines = (path: string, values: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> =>
  pipeline(Readable.from(asLines(values)), createWriteStream(path));

async function* asLines(values: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}
