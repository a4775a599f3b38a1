// The payload codec of temporal.config.ts: what Temporal keeps of a run goes through it, on its way out and back in.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { TemporalConfig } from '../schemas/config.js';
import { LocalError } from './local-error.js';

/** What the SDK reads without a codec. */
const plainEncodings = new Set(['binary/null', 'binary/plain', 'json/plain', 'json/protobuf', 'binary/protobuf']);

/**
 * The configured codec, or one that changes nothing; either refuses what it cannot read in a person's words. Command and
 * worker use the same. Fails with LocalError `codec` when the module is no codec.
 */
export async function payloadCodecOf(config: TemporalConfig): Promise<PayloadCodec> {
  const { codec: name } = config.temporal;
  const codec = name === null ? null : await load(name, config.packageRoot);
  return {
    encode: (payloads, context) => codec?.encode(payloads, context) ?? Promise.resolve(payloads),
    async decode(payloads, context) {
      const decoded = await (codec?.decode(payloads, context) ?? Promise.resolve(payloads)).catch((error: unknown) => {
        throw unreadable(
          `the payload codec ${name ?? ''} fails on it: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
      const foreign = decoded.map(encodingOf).find((encoding) => !plainEncodings.has(encoding));
      if (foreign === undefined) return decoded;
      throw unreadable(
        name === null
          ? `it is encoded as ${foreign}, and no payload codec is set`
          : `it is encoded as ${foreign}, which the payload codec ${name} does not decode`,
      );
    },
  };
}

async function load(name: string, packageRoot: string): Promise<PayloadCodec> {
  const refused = (why: string): LocalError =>
    new LocalError(
      'codec',
      `The payload codec ${name} cannot be used: ${why}.\nCorrect \`temporal.codec\` in temporal.config.ts (PAWL_CODEC): a module that exports \`codec\`, a PayloadCodec; a path counts from ${packageRoot}.`,
    );
  let module: { codec?: Partial<PayloadCodec> };
  try {
    const path = createRequire(join(packageRoot, 'package.json')).resolve(name);
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (error) {
    throw refused(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
  const { codec } = module;
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function') return codec as PayloadCodec;
  throw refused('it does not export `codec` with the functions `encode` and `decode`');
}

const unreadable = (why: string): LocalError =>
  new LocalError(
    'payload_unreadable',
    `What Temporal keeps of this run cannot be read: ${why}.\nSet the codec, and the key, that the run was started with (\`temporal.codec\` in temporal.config.ts, PAWL_CODEC): the same for command and worker.`,
  );

const encodingOf = (payload: Payload): string => Buffer.from(payload.metadata?.['encoding'] ?? []).toString();
